// The safetensors format (https://huggingface.co/docs/safetensors): named arrays in a file that other frameworks read.
// A file is the header's length (8 bytes, little-endian), the header (JSON), and the data.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

struct NamedTensor {
  std::string name;
  Tensor value;
};

struct SafetensorsFile {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Writes the file whole, or not at all (train/durable_file.h). The bytes depend on names, values and metadata alone:
// not on the order of the tensors, nor on time. As the format's own library does it, tensors are sorted by the size of
// their elements, then by name, and the header is padded to 8 bytes, so that every array is aligned.
void write_safetensors(const std::filesystem::path& path, const SafetensorsFile& file);

// Reads F32 and F64, F16 and BF16 as float32, and I32 and I64 as float64 (an Error if a number has no exact float64).
// Tensors are constants, in the order of their names. Those that `wanted` is false for are passed over, of whatever
// type they are; without it all are wanted. Whatever the file's bytes are, the outcome is its tensors, or an Error that
// names the file and what is wrong with it; all is checked before memory is taken for tensors, so that a file can't ask
// for more than it holds. Stricter than the format in one point: keys that it does not know are errors.
using Wanted = std::function<bool(const std::string& name)>;
SafetensorsFile read_safetensors(const std::filesystem::path& path, const Wanted& wanted = {});

// What a file holds, in the order of names, after the same checks; no tensor is read.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as the format calls it: "F32"
  Shape shape;
};
std::vector<SafetensorsEntry> list_safetensors(const std::filesystem::path& path);

}  // namespace transformlet
