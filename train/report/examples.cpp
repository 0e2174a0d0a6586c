#include "train/report/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "study/attention_layers.h"
#include "train/evaluation.h"

namespace transformlet {
namespace {

constexpr int64_t most_examples = 256, most_tokens = 8192, most_shown = 6;
constexpr int32_t ignored = CrossEntropyOptions().ignored;

Split shown_split(const Task& task) {
  for (const Split split : {Split::test, Split::validation}) {
    if (task.evaluation_size(split) > 0) return split;
  }
  return Split::train;
}

// Whether each example of a batch has all its targets right; of one without any, false.
std::vector<bool> all_right(const Tensor& logits, const Tokens& targets) {
  const int64_t examples = targets.shape()[0], places = examples == 0 ? 0 : targets.size() / examples;
  std::vector<bool> right;
  with_dtype(logits.dtype(), [&]<class T>() {
    for (int64_t example = 0; example < examples; ++example) {
      int64_t counted = 0, correct = 0;
      for (int64_t row = example * places; row < (example + 1) * places; ++row) {
        if (targets[row] == ignored) continue;
        const T* const begin = logits.data<T>() + row * logits.columns();
        ++counted;
        correct += std::max_element(begin, begin + logits.columns()) - begin == targets[row];
      }
      right.push_back(counted > 0 && counted == correct);
    }
  });
  return right;
}

std::vector<std::string> texts(const Task& task, TokenKind kind, const Tokens& ids) {
  std::vector<std::string> result;
  for (const int32_t id : ids.ids()) result.push_back(task.token_text(kind, id));
  return result;
}

// (1, T, features): "0.21, -1.3" for each place.
std::vector<std::string> texts(const Tensor& values) {
  const std::vector<double> numbers = values.to_vector();
  std::vector<std::string> result;
  for (int64_t row = 0; row < values.rows(); ++row) {
    std::string text;
    for (int64_t i = 0; i < std::min<int64_t>(values.columns(), 4); ++i) {
      text += fmt::format("{}{:.2g}", i == 0 ? "" : ", ", numbers[static_cast<size_t>(row * values.columns() + i)]);
    }
    result.push_back(values.columns() > 4 ? text + ", .." : text);
  }
  return result;
}

ShownExample shown(const Task& task, const Model& model, Split split, int64_t place, bool right) {
  ShownExample example{.name = fmt::format("{} {}", name_of(split), place), .right = right};
  example.batch = task.evaluation_batch(split, {place});
  const Batch& batch = example.batch;
  if (batch.inputs.size() > 0) example.sequences["tokens"] = texts(task, TokenKind::input, batch.inputs);
  if (batch.values.defined() && batch.values.rank() == 3) example.sequences["tokens"] = texts(batch.values);
  const std::vector<AttentionLayer> layers = attention_layers(model, batch.model_inputs());
  if (!layers.empty() && layers.front().in_front > 0) {
    std::vector<std::string>& tokens = example.sequences["tokens"];
    tokens.insert(tokens.begin(), "[CLS]");
  }
  if (batch.source.size() > 0) example.sequences["source"] = texts(task, TokenKind::source, batch.source);
  return example;
}

}  // namespace

ChosenExamples choose_examples(const ExperimentConfig& config, const Model& model) {
  const NoRecording off;
  const Task& task = *config.task;
  const Split split = shown_split(task);
  const int64_t length = std::max<int64_t>(1, task.sizes().max_length);
  const int64_t count =
      std::min(task.evaluation_size(split), std::clamp<int64_t>(most_tokens / length, 8, most_examples));
  std::vector<int64_t> places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), 0);
  ChosenExamples chosen;
  std::vector<bool> right;
  for (const auto& some : in_batches(places, std::min<int64_t>(config.train.micro_batch_size(), 64))) {
    const Batch batch = task.evaluation_batch(split, some);
    if (batch.real_targets.defined()) {
      right.resize(right.size() + some.size());
      continue;
    }
    const Tensor logits = model(batch.model_inputs(), Pass::evaluation());
    chosen.calibration.add(logits, batch.targets);
    const std::vector<bool> judged = all_right(logits, batch.targets);
    right.insert(right.end(), judged.begin(), judged.end());
  }
  // As many right ones as wrong ones, if there are.
  const int64_t right_ones = std::count(right.begin(), right.end(), true), wrong_ones = count - right_ones;
  const int64_t most_right = std::min(right_ones, std::max(most_shown / 2, most_shown - wrong_ones));
  int64_t rights = 0, wrongs = 0;
  for (int64_t i = 0; i < count; ++i) {
    const bool is_right = right[static_cast<size_t>(i)];
    if ((is_right ? rights : wrongs) >= (is_right ? most_right : most_shown - most_right)) continue;
    ++(is_right ? rights : wrongs);
    chosen.shown.push_back(shown(task, model, split, i, is_right));
  }
  // Right and wrong in turn, so that the first few have both.
  std::vector<ShownExample> wrong, in_turn;
  for (ShownExample& example : chosen.shown) (example.right ? in_turn : wrong).push_back(std::move(example));
  for (size_t i = 0; i < wrong.size(); ++i) {
    in_turn.insert(in_turn.begin() + static_cast<int64_t>(std::min(2 * i + 1, in_turn.size())), std::move(wrong[i]));
  }
  chosen.shown = std::move(in_turn);
  return chosen;
}

nlohmann::ordered_json examples_json(const std::vector<ShownExample>& examples) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const ShownExample& example : examples) {
    nlohmann::ordered_json sequences = nlohmann::ordered_json::object();
    for (const auto& [name, texts] : example.sequences) sequences[name] = texts;
    result.push_back({{"name", example.name}, {"sequences", sequences}});
  }
  return result;
}

nlohmann::ordered_json calibration_json(const Calibration& calibration) {
  if (calibration.total().count == 0) return nullptr;
  nlohmann::ordered_json bins = nlohmann::ordered_json::array();
  for (const Calibration::Bin& bin : calibration.bins) {
    if (bin.count == 0) continue;
    bins.push_back({{"confidence", bin.confidence()}, {"accuracy", bin.accuracy()}, {"count", bin.count}});
  }
  return {{"bins", bins}, {"expected_calibration_error", calibration.expected_error()}};
}

}  // namespace transformlet
