#include "train/report/checkpoint_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "train/report/attention_maps.h"
#include "train/report/examples.h"
#include "train/report/predictions.h"
#include "train/report/weight_sections.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

// What all of it may cost: the report of a long run is to be small, and to be made in a small share of its time.
constexpr double most_checkpoints = 30;
constexpr double most_bytes_read = 2.5e8;  // of weights, over all checkpoints
constexpr double most_attention_bytes = 6e6;
constexpr double most_operations = 2e9;  // of spectra, and as many of embeddings: some seconds

class Sections {
 public:
  explicit Sections(LoadedRun& run) : run_(run), missing_(run.files.missing) {}

  void add_to(Json& json);

 private:
  std::optional<Checkpoint> load(const StoredCheckpoint& stored);
  void choose();
  void look_at_newest(Json& json);
  void choose_attention();
  void look_at_all(Json& json);
  // The part of a report that fails is left out.
  template <class Work>
  void attempt(const char* what, const Work& work);

  LoadedRun& run_;
  std::vector<std::string>& missing_;
  std::vector<StoredCheckpoint> chosen_;
  std::vector<ShownExample> examples_, attention_examples_;
  AttentionExtent extent_;
  std::set<int64_t> attention_steps_;
  std::optional<WeightSections> weights_;
};

template <class Work>
void Sections::attempt(const char* what, const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    missing_.push_back(fmt::format("{}: {}", what, error.what()));
  }
}

// The weights are put into the experiment, if there is one.
std::optional<Checkpoint> Sections::load(const StoredCheckpoint& stored) {
  try {
    Checkpoint checkpoint = load_checkpoint(stored.folder);
    if (run_.experiment != nullptr) restore_judged_weights(checkpoint, run_.experiment->parameters);
    return checkpoint;
  } catch (const std::exception& error) {
    missing_.push_back(fmt::format("checkpoints/step-{}: {}", stored.step, error.what()));
    return std::nullopt;
  }
}

void Sections::choose() {
  if (run_.checkpoints.empty()) return;
  std::error_code missing;
  const auto size = std::filesystem::file_size(run_.checkpoints.back().folder / "weights.safetensors", missing);
  const double bytes = missing ? 1 : std::max(1.0, static_cast<double>(size));
  const auto most = static_cast<size_t>(std::clamp(most_bytes_read / bytes, 1.0, most_checkpoints));
  for (const size_t place : evenly_chosen(run_.checkpoints.size(), most)) chosen_.push_back(run_.checkpoints[place]);
  if (chosen_.size() < run_.checkpoints.size()) {
    missing_.push_back(
        fmt::format("checkpoints: {} of {} are read, spread evenly", chosen_.size(), run_.checkpoints.size()));
  }
}

void Sections::look_at_newest(Json& json) {
  std::optional<Checkpoint> newest;
  while (!chosen_.empty() && !(newest = load(chosen_.back()))) chosen_.pop_back();
  if (!newest) return;
  std::vector<int64_t> steps;
  for (const StoredCheckpoint& stored : chosen_) steps.push_back(stored.step);
  weights_.emplace(run_, judged_weights(*newest), steps, most_operations, missing_);
  if (run_.experiment == nullptr) return;
  const Model& model = *run_.experiment->model;
  attempt("predictions", [&] {
    ChosenExamples chosen = choose_examples(*run_.config, model);
    examples_ = std::move(chosen.shown);
    if (Json calibration = calibration_json(chosen.calibration); !calibration.is_null()) {
      json["calibration"] = std::move(calibration);
    }
    if (Json predictions = predictions_json(*run_.config->task, model, examples_); !predictions.is_null()) {
      json["predictions"] = std::move(predictions);
    }
  });
}

void Sections::choose_attention() {
  if (run_.experiment == nullptr || chosen_.empty()) return;
  extent_ = attention_extent(*run_.experiment->model, examples_, chosen_.size(), most_attention_bytes);
  if (extent_.all_layers == 0) return;
  for (const size_t place : evenly_chosen(chosen_.size(), extent_.checkpoints)) {
    attention_steps_.insert(chosen_[place].step);
  }
  attention_examples_.assign(examples_.begin(), examples_.begin() + static_cast<int64_t>(extent_.examples));
  if (extent_.checkpoints == chosen_.size() && extent_.examples == examples_.size() &&
      extent_.layers == extent_.all_layers) {
    return;
  }
  missing_.push_back(fmt::format(
      "attention: to keep the page small, it is that of {} of {} examples at {} of {} checkpoints, in {} of "
      "{} layers",
      extent_.examples, examples_.size(), attention_steps_.size(), chosen_.size(), extent_.layers, extent_.all_layers));
}

void Sections::look_at_all(Json& json) {
  AttentionMaps attention;
  std::vector<int64_t> steps;
  for (const StoredCheckpoint& stored : chosen_) {
    const bool wants_attention = attention_steps_.contains(stored.step);
    if (!wants_attention && !weights_->wants(stored.step)) continue;
    const std::optional<Checkpoint> checkpoint = load(stored);
    if (!checkpoint) continue;
    steps.push_back(stored.step);
    if (wants_attention) {
      attempt("attention",
              [&] { attention.add(stored.step, *run_.experiment->model, attention_examples_, extent_.layers); });
    }
    attempt("weights", [&] { weights_->add(stored.step, judged_weights(*checkpoint)); });
  }
  json["checkpoints"] = steps;
  missing_.insert(missing_.end(), attention.missing().begin(), attention.missing().end());
  if (Json maps = attention.json(); !maps.is_null()) json["attention"] = std::move(maps);
  if (weights_) weights_->add_to(json);
}

void Sections::add_to(Json& json) {
  choose();
  look_at_newest(json);
  choose_attention();
  look_at_all(json);
  if (!examples_.empty() && !examples_.front().sequences.empty()) json["examples"] = examples_json(examples_);
}

}  // namespace

void add_checkpoint_sections(LoadedRun& run, Json& json) { Sections(run).add_to(json); }

}  // namespace transformlet
