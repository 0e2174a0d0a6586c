// The header of a safetensors file: what it says, once all of it has been checked. For train/safetensors.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "autograd/shape.h"

namespace transformlet {

// Those that tensors are read from, and `other`: all else that the format has, which can only be passed over.
enum class StoredType : uint8_t { f32, f64, f16, bf16, i32, i64, other };

constexpr const char* readable_dtypes = "F32, F64, F16, BF16, I32, I64";

struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  const char* dtype = "";  // the type's name in the format
  int64_t element_bytes = 0;
  Shape shape;
  uint64_t begin = 0, end = 0;  // in the data
};

struct SafetensorsHeader {
  std::deque<StoredTensor> tensors;  // in the order of their data; a vector would take twice the memory to grow
  std::map<std::string, std::string> metadata;
};

// The format's own library takes no longer headers either.
constexpr uint64_t longest_safetensors_header = 100'000'000;

// Reads the header's JSON. The tensors fill `data_size` bytes without gap or overlap. Throws an Error that says what is
// wrong; the file's name is for the caller to add.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_size);

}  // namespace transformlet
