// Other programs' models as runs, and runs as theirs: files of weights with a config.json, in one of the layouts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/weights/layouts.h"

namespace transformlet {

struct Transfer {
  size_t tensors = 0;  // theirs
  int64_t numbers = 0;
  std::vector<std::string> notes;
};

// Makes the folder `output`, which must not exist, a run that has done no step yet: config.yaml from config.json and
// the overrides, and checkpoints/step-0 with the weights. `source` is a folder with model.safetensors, or such a file;
// config.json lies beside it, and tokenizer.json, which is copied, may. Whatever the bytes of the files are, the
// outcome is the run, or an Error: nothing is made before the names and shapes of all tensors are right, and one
// message lists those that are missing, unexpected or of another shape.
Transfer import_model(const std::filesystem::path& source, const Layout& layout, const std::filesystem::path& output,
                      const std::vector<std::string>& overrides);

// Makes the folder `output`, which must not exist: model.safetensors and config.json, and the run's tokenizer.json if
// it has one. A UsageError lists all that the layout has no place for.
Transfer export_model(const std::filesystem::path& run, const Checkpoint& checkpoint, const Layout& layout,
                      const std::filesystem::path& output);

// Copies tokenizer.json from one folder to another, if it is there.
void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace transformlet
