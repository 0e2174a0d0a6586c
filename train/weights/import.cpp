#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "autograd/ops.h"
#include "train/config/errors.h"
#include "train/config/reader.h"
#include "train/config/writer.h"
#include "train/durable_file.h"
#include "train/environment.h"
#include "train/run_folder.h"
#include "train/threads.h"
#include "train/weights/config_json.h"
#include "train/weights/name_map.h"
#include "train/weights/transfer.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

struct Source {
  fs::path weights, config, tokenizer;
};

Source find_source(const fs::path& given) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(given, ignored);
  const fs::path folder = is_folder ? given : given.parent_path();
  const Source source{is_folder ? folder / "model.safetensors" : given, folder / "config.json",
                      folder / "tokenizer.json"};
  if (!fs::exists(source.weights, ignored)) {
    const bool in_pieces = fs::exists(folder / "model.safetensors.index.json", ignored);
    throw UsageError(fmt::format("import: there is no {}{}", source.weights.string(),
                                 in_pieces ? "; a model in several files must be saved as one first" : ""));
  }
  if (!fs::exists(source.config, ignored)) {
    throw UsageError(fmt::format("import: there is no {}, which says what the model is", source.config.string()));
  }
  return source;
}

// Another task than the layout's own leaves none of its keys behind.
bool chooses_task(const std::vector<std::string>& overrides) {
  return std::ranges::any_of(overrides, [](const std::string& override) {
    return override.starts_with("task.name=") || override.starts_with("task=");
  });
}

bool is_float(const SafetensorsEntry& entry) {
  return entry.dtype == "F32" || entry.dtype == "F64" || entry.dtype == "F16" || entry.dtype == "BF16";
}

// The file's tensors, and where they go.
class Contents {
 public:
  Contents(const Layout& layout, const fs::path& path) : layout_(layout), path_(path) {
    for (const SafetensorsEntry& entry : list_safetensors(path)) entries_.emplace(entry.name, entry);
    has_prefix_ = std::ranges::any_of(entries_, [&](const auto& e) { return e.first.starts_with(layout.prefix); });
  }

  DType dtype() const {
    const bool is_double = std::ranges::any_of(entries_, [](const auto& e) { return e.second.dtype == "F64"; });
    return is_double ? DType::float64 : DType::float32;
  }

  // Their name, as this file has it.
  std::string in_file(const std::string& name) const {
    return !has_prefix_ && name.starts_with(layout_.prefix) ? name.substr(layout_.prefix.size()) : name;
  }

  bool is_ignored(const std::string& name) const {
    return std::ranges::any_of(layout_.ignored, [&](const auto& pattern) { return matches(in_file(pattern), name); });
  }

  bool has(const std::string& name) const { return entries_.contains(name); }

  // An Error that lists every tensor that does not fit. A head that repeats the embedding may be there.
  void require_fit(const NameMap& map) const {
    std::vector<std::string> missing, unexpected, misshapen;
    std::map<std::string, const Piece*> expected;
    for (const Piece& piece : map.pieces) expected[in_file(piece.theirs)] = &piece;
    for (const auto& [name, piece] : expected) {
      const auto found = entries_.find(name);
      if (found == entries_.end()) {
        missing.push_back(fmt::format("{} {}", name, piece->shape));
      } else if (const SafetensorsEntry& entry = found->second; entry.shape != piece->shape || !is_float(entry)) {
        misshapen.push_back(fmt::format("{} {} {}, but {}{} is wanted", name, entry.shape, entry.dtype, piece->shape,
                                        is_float(entry) ? "" : " of floats"));
      }
    }
    for (const auto& [name, entry] : entries_) {
      if (!expected.contains(name) && !is_ignored(name) && name != layout_.tied_head) {
        unexpected.push_back(fmt::format("{} {}", shown(name), entry.shape));
      }
    }
    std::vector<std::string> parts;
    if (!missing.empty()) parts.push_back(fmt::format("missing: {}", fmt::join(missing, ", ")));
    if (!unexpected.empty()) parts.push_back(fmt::format("unexpected: {}", fmt::join(unexpected, ", ")));
    if (!misshapen.empty()) {
      parts.push_back(fmt::format("of another shape or dtype: {}", fmt::join(misshapen, ", ")));
    }
    require(parts.empty(), "{}: its tensors do not fit {} and config.json: {}", path_.string(), layout_.name,
            fmt::join(parts, "; "));
  }

  // The tensors themselves, but for those that hold no weights.
  std::map<std::string, Tensor> read() const {
    std::map<std::string, Tensor> result;
    for (NamedTensor& tensor :
         read_safetensors(path_, [&](const std::string& name) { return !is_ignored(name); }).tensors) {
      result.emplace(std::move(tensor.name), std::move(tensor.value));
    }
    return result;
  }

  void note_what_changes(DType dtype, std::vector<std::string>& notes) const {
    std::map<std::string, int64_t> converted;
    std::vector<std::string> passed_over;
    for (const auto& [name, entry] : entries_) {
      if (is_ignored(name)) {
        passed_over.push_back(name);
      } else if (entry.dtype != (dtype == DType::float32 ? "F32" : "F64")) {
        ++converted[entry.dtype];
      }
    }
    for (const auto& [from, count] : converted) {
      const bool rounded = from == "F64";
      notes.push_back(fmt::format("{} {} of {} {} {}{}", count, count == 1 ? "tensor" : "tensors", from,
                                  count == 1 ? "becomes" : "become", name_of(dtype), rounded ? ", rounded" : ""));
    }
    if (!passed_over.empty()) notes.push_back(fmt::format("passed over: {}", fmt::join(passed_over, ", ")));
  }

 private:
  const Layout& layout_;
  fs::path path_;
  std::map<std::string, SafetensorsEntry> entries_;
  bool has_prefix_ = true;
};

std::vector<ParameterShape> shapes_of(const ExperimentConfig& config) {
  Parameters parameters;
  config.model->build(Scope::dry(parameters), config.task->sizes());
  std::vector<ParameterShape> result;
  for (const Parameter& parameter : parameters.list()) {
    result.push_back({parameter.value.name(), parameter.value.shape()});
  }
  return result;
}

// The model's weights, as a new run has them: random ones are drawn only if some of them will stay.
std::vector<NamedTensor> weights_to_fill(const ExperimentConfig& config, const std::vector<ParameterShape>& shapes,
                                         const NameMap& map) {
  std::vector<NamedTensor> result;
  if (map.unmapped.empty()) {
    for (const ParameterShape& parameter : shapes) {
      result.push_back({parameter.name, empty(parameter.shape, config.dtype())});
    }
    return result;
  }
  Parameters parameters;
  config.model->build(Scope(parameters, config.seed_value(), config.dtype()), config.task->sizes());
  for (const Parameter& parameter : parameters.list()) {
    result.push_back({parameter.value.name(), parameter.value});
  }
  return result;
}

void require_same_head(const Layout& layout, const Contents& contents, const std::map<std::string, Tensor>& tensors,
                       const fs::path& path) {
  const auto head = tensors.find(layout.tied_head), table = tensors.find(contents.in_file(layout.tied_to));
  if (head == tensors.end() || table == tensors.end()) return;
  const Tensor &a = head->second, &b = table->second;
  const bool same = a.shape() == b.shape() && a.dtype() == b.dtype() &&
                    std::memcmp(a.body().buffer->data, b.body().buffer->data,
                                static_cast<size_t>(a.size()) * size_of(a.dtype())) == 0;
  require(same, "{}: {} differs from {}, but by config.json they are one (tie_word_embeddings)", path.string(),
          head->first, table->first);
}

}  // namespace

Transfer import_model(const fs::path& given, const Layout& layout, const fs::path& output,
                      const std::vector<std::string>& overrides) {
  const Source source = find_source(given);
  const Contents contents(layout, source.weights);
  const FlatJson keys = keys_from_theirs(layout, source.config);
  const std::string text = config_text(layout, keys, contents.dtype(), !chooses_task(overrides));
  const auto config = read_config_text<ExperimentConfig>(source.config.string() + ", as a config", text, overrides);

  // Names and shapes first: what a file lies about must not cost memory.
  const std::vector<ParameterShape> shapes = shapes_of(config);
  const NameMap map = map_names(layout, shapes, packed_rows(keys_of_model(config)));
  contents.require_fit(map);

  const int threads = set_threads(config.train.threads);
  std::map<std::string, Tensor> tensors = contents.read();
  const bool tied = std::ranges::none_of(map.pieces, [&](const Piece& p) { return p.theirs == layout.tied_head; });
  if (tied) require_same_head(layout, contents, tensors, source.weights);

  Transfer result;
  result.tensors = map.pieces.size();
  Checkpoint checkpoint;  // no state of the optimiser: before the first step it is zero
  checkpoint.weights = weights_to_fill(config, shapes, map);
  for (const Piece& piece : map.pieces) {
    Tensor& theirs = tensors.at(contents.in_file(piece.theirs));
    copy_into_parameter(piece, cast(theirs, config.dtype()), checkpoint.weights[piece.ours].value);
    theirs = {};  // its memory is free for the next
    result.numbers += piece.shape.size();
  }
  RunFolder run = RunFolder::create_at(output);
  run.write_config(write_config(config));
  run.write_environment(describe_environment(threads));
  copy_tokenizer(source.config.parent_path(), run.path());
  save_checkpoint(run.path(), checkpoint);
  run.log_event("imported", {{"layout", layout.name}, {"source", fs::absolute(source.weights).string()}});

  contents.note_what_changes(config.dtype(), result.notes);
  std::vector<std::string> random;
  for (const size_t place : map.unmapped) random.push_back(shapes[place].name);
  if (!random.empty()) {
    result.notes.push_back(fmt::format("{} has nothing for these, which begin as in any new run: {}", layout.name,
                                       fmt::join(random, ", ")));
  }
  return result;
}

}  // namespace transformlet
