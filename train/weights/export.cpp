#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "train/config/reader.h"
#include "train/durable_file.h"
#include "train/weights/config_json.h"
#include "train/weights/name_map.h"
#include "train/weights/transfer.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// Parts of the model that the layout leaves to others are noted; anything else without a place is an error.
void note_unmapped(const Layout& layout, const NameMap& map, const std::vector<NamedTensor>& weights,
                   std::vector<std::string>& notes) {
  std::vector<std::string> left_out, homeless;
  for (const size_t place : map.unmapped) {
    const std::string& name = weights[place].name;
    const bool known = std::ranges::any_of(layout.ours_only, [&](const auto& part) { return name.starts_with(part); });
    (known ? left_out : homeless).push_back(name);
  }
  if (!homeless.empty()) {
    throw UsageError(fmt::format("export: {} has no place for {}", layout.name, fmt::join(homeless, ", ")));
  }
  if (!left_out.empty()) {
    notes.push_back(
        fmt::format("{} has no place for these, which are left out: {}", layout.name, fmt::join(left_out, ", ")));
  }
}

}  // namespace

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  const fs::path file = from / "tokenizer.json";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return;
  replace_file(to / "tokenizer.json", [&](OutputFile& output) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<char> piece(1 << 16);
    while (stream) {
      stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      output.write({piece.data(), static_cast<size_t>(stream.gcount())});
    }
    require(stream.eof() && !stream.bad(), "{}: cannot be read", file.string());
  });
}

Transfer export_model(const fs::path& run, const Checkpoint& checkpoint, const Layout& layout, const fs::path& output) {
  const auto config = read_config_file<ExperimentConfig>(run / "config.yaml");
  const FlatJson keys = keys_of_model(config);
  Transfer result;
  const std::string config_json = keys_to_theirs(layout, keys, config.dtype(), result.notes);

  std::vector<ParameterShape> shapes;
  for (const NamedTensor& weight : checkpoint.weights) shapes.push_back({weight.name, weight.value.shape()});
  const NameMap map = map_names(layout, shapes, packed_rows(keys));
  note_unmapped(layout, map, checkpoint.weights, result.notes);

  SafetensorsFile file{.tensors = {}, .metadata = {{"format", "pt"}}};  // transformers asks for it
  for (const Piece& piece : map.pieces) {
    file.tensors.push_back({piece.theirs, copy_of_piece(piece, checkpoint.weights[piece.ours].value)});
    result.numbers += piece.shape.size();
  }
  result.tensors = file.tensors.size();

  const fs::path folder = output.has_filename() ? output : output.parent_path();
  make_folders(folder.parent_path());
  if (!make_new_folder(folder)) {
    throw UsageError(fmt::format("export: {} exists already, and nothing is ever overwritten", output.string()));
  }
  write_safetensors(folder / "model.safetensors", file);
  replace_file(folder / "config.json", config_json);
  copy_tokenizer(run, folder);
  return result;
}

}  // namespace transformlet
