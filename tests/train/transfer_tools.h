// What the tests of imports and exports share: copies of the recorded models to spoil, and runs made of them.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/experiment.h"
#include "train/restore.h"
#include "train/weights/transfer.h"

namespace transformlet {

using Json = nlohmann::json;

// tests/golden/README.md says what these are.
inline std::filesystem::path recorded_model(const std::string& layout) {
  return std::filesystem::path(TRANSFORMLET_SOURCE_DIR "/tests/golden/weights") / layout;
}

// A recorded model in a folder of its own, and runs beside it.
struct ModelCopy {
  explicit ModelCopy(const std::string& name) : layout(layout_named(name, "test")) {
    std::filesystem::copy(recorded_model(name), source);
  }

  Transfer import(const std::string& run = "run", const std::vector<std::string>& overrides = {}) const {
    return import_model(source, layout, folder.path / run, overrides);
  }
  // The error of importing, with the folder's name left out of it.
  std::string import_error(const std::vector<std::string>& overrides = {}) const {
    std::string text = error_of([&] { import("refused", overrides); });
    const std::string path = source.string() + "/";
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path)) text.erase(at, path.size());
    EXPECT_FALSE(std::filesystem::exists(folder.path / "refused")) << text;
    return text;
  }
  Transfer export_run(const std::string& run, const std::string& output) const {
    return export_model(folder.path / run, load_checkpoint(folder.path / run / "checkpoints/step-0"), layout,
                        folder.path / output);
  }

  void edit_config(const std::function<void(Json&)>& edit) const {
    Json config = Json::parse(bytes_of_file(source / "config.json"));
    edit(config);
    write_bytes(source / "config.json", config.dump());
  }

  // Without the buffers of other types, which can't be written.
  SafetensorsFile weights() const {
    return read_safetensors(source / "model.safetensors", [](const std::string& name) {
      return !name.ends_with(".attn.bias") && !name.ends_with(".attn.masked_bias");
    });
  }
  void edit_weights(const std::function<void(std::vector<NamedTensor>&)>& edit) const {
    SafetensorsFile file = weights();
    edit(file.tensors);
    write_safetensors(source / "model.safetensors", file);
  }

  TemporaryFolder folder;
  std::filesystem::path source = folder.path / "source";
  const Layout& layout;
};

inline Tensor& tensor_named(std::vector<NamedTensor>& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
  require(found != tensors.end(), "there is no {}", name);
  return found->value;
}

// A run's model with its weights.
struct LoadedRun {
  explicit LoadedRun(const std::filesystem::path& run)
      : config(read_config_file<ExperimentConfig>(run / "config.yaml")), experiment(config) {
    std::vector<NamedTensor> weights;
    for (const Parameter& parameter : experiment.parameters.list()) {
      weights.push_back({parameter.value.name(), parameter.value});
    }
    restore(load_checkpoint(run / "checkpoints/step-0").weights, weights);
  }

  ExperimentConfig config;
  Experiment experiment;
};

}  // namespace transformlet
