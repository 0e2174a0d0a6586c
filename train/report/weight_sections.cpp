#include "train/report/weight_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "autograd/ops.h"
#include "study/linear_algebra.h"
#include "study/principal_components.h"
#include "train/report/packed_array.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t most_tokens = 1000;  // of an embedding, that are shown

double spectrum_operations(const Tensor& matrix) {
  const auto rows = static_cast<double>(matrix.dim(0)), columns = static_cast<double>(matrix.dim(1));
  return 4 * rows * columns * std::min(rows, columns);
}

std::vector<float> as_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

const Tensor* find(const std::vector<NamedTensor>& weights, const std::string& name) {
  const auto found = std::ranges::find(weights, name, &NamedTensor::name);
  return found == weights.end() ? nullptr : &found->value;
}

std::set<int64_t> some_of(const std::vector<int64_t>& steps, double most) {
  std::set<int64_t> some;
  const auto count = static_cast<size_t>(std::clamp(most, 1.0, 1e6));
  for (const size_t place : evenly_chosen(steps.size(), count)) some.insert(steps[place]);
  return some;
}

}  // namespace

struct WeightSections::Matrix {
  std::string name;
  Json checkpoints = Json::array();
};

// An embedding: a row for each token, or a column of what one-hot vectors are multiplied with.
struct WeightSections::Table {
  std::string name;
  bool by_columns = false;
  int64_t tokens = 0;
  std::vector<std::string> texts = {};
  std::vector<double> before = {};  // coordinates at the checkpoint before
  Json checkpoints = Json::array();

  // (tokens, width)
  Tensor rows_of(const Tensor& weight) const {
    return slice(by_columns ? transpose(weight, 0, 1) : weight, 0, 0, tokens);
  }
};

const std::vector<NamedTensor>& judged_weights(const Checkpoint& checkpoint) {
  return checkpoint.averaged_weights.empty() ? checkpoint.weights : checkpoint.averaged_weights;
}

WeightSections::~WeightSections() = default;

WeightSections::WeightSections(const LoadedRun& run, const std::vector<NamedTensor>& weights,
                               const std::vector<int64_t>& steps, double most_operations,
                               std::vector<std::string>& missing) {
  double spectra_operations = 0, table_operations = 0;
  size_t matrices = 0;
  for (const auto& [name, value] : weights) {
    if (value.rank() != 2 || value.dim(0) < 2 || value.dim(1) < 2) continue;
    ++matrices;
    const double operations = spectrum_operations(value);
    if (spectra_operations + operations <= most_operations) {
      spectra_operations += operations;
      matrices_.push_back({.name = name});
    }
    const bool by_columns = name.ends_with("input.projection.weight");
    if (!by_columns && !name.ends_with("embedding.weight")) continue;
    Table table{.name = name, .by_columns = by_columns};
    table.tokens = std::min(most_tokens, value.dim(by_columns ? 1 : 0));
    const auto kind = name.starts_with("source.") ? TokenKind::source : TokenKind::input;
    const bool has_texts = run.config != nullptr && run.config->task->sizes().features == 0;
    for (int32_t id = 0; id < table.tokens; ++id) {
      table.texts.push_back(has_texts ? run.config->task->token_text(kind, id) : std::to_string(id));
    }
    const auto width = static_cast<double>(value.dim(by_columns ? 0 : 1)), count = static_cast<double>(table.tokens);
    const double side = std::min(width, count);
    table_operations += 2 * width * count * side + 4.0 / 3 * side * side * side;
    tables_.push_back(std::move(table));
  }
  if (!matrices_.empty()) spectra_steps_ = some_of(steps, most_operations / spectra_operations);
  if (!tables_.empty()) embedding_steps_ = some_of(steps, most_operations / table_operations);
  if (matrices_.size() < matrices || spectra_steps_.size() < steps.size()) {
    missing.push_back(
        fmt::format("spectra: {} of {} matrices at {} of {} checkpoints are computed; the others would take "
                    "long; probes.spectra measures them in training",
                    matrices_.size(), matrices, spectra_steps_.size(), steps.size()));
  }
}

void WeightSections::add(int64_t step, const std::vector<NamedTensor>& weights) {
  const NoRecording off;
  if (spectra_steps_.contains(step)) {
    TensorList values;
    std::vector<Matrix*> found;
    for (Matrix& matrix : matrices_) {
      const Tensor* const value = find(weights, matrix.name);
      if (value == nullptr || value->rank() != 2) continue;
      values.push_back(*value);
      found.push_back(&matrix);
    }
    const std::vector<std::vector<double>> spectra = singular_values(values);
    for (size_t i = 0; i < spectra.size(); ++i) {
      found[i]->checkpoints.push_back(
          {{"step", step},
           {"singular_values", packed_array(as_floats(spectra[i]), {static_cast<int64_t>(spectra[i].size())})},
           {"effective_rank", effective_rank(spectra[i])}});
    }
  }
  if (!embedding_steps_.contains(step)) return;
  for (Table& table : tables_) {
    const Tensor* const value = find(weights, table.name);
    if (value == nullptr) continue;
    PrincipalComponents components = principal_components(table.rows_of(*value));
    // A direction has no sign of its own: points are not to jump from one checkpoint to the next.
    for (size_t axis = 0; axis < 2 && !table.before.empty(); ++axis) {
      double product = 0;
      for (size_t i = axis; i < table.before.size(); i += 2) product += table.before[i] * components.coordinates[i];
      for (size_t i = axis; i < table.before.size() && product < 0; i += 2) components.coordinates[i] *= -1;
    }
    table.checkpoints.push_back({{"step", step},
                                 {"coordinates", packed_array(as_floats(components.coordinates), {table.tokens, 2})},
                                 {"explained", components.explained}});
    table.before = std::move(components.coordinates);
  }
}

void WeightSections::add_to(Json& json) const {
  if (!matrices_.empty()) {
    Json& spectra = json["spectra"] = Json::array();
    for (const Matrix& matrix : matrices_) {
      spectra.push_back({{"name", matrix.name}, {"checkpoints", matrix.checkpoints}});
    }
  }
  if (!tables_.empty()) {
    Json& embeddings = json["embeddings"] = Json::array();
    for (const Table& table : tables_) {
      embeddings.push_back({{"name", table.name}, {"tokens", table.texts}, {"checkpoints", table.checkpoints}});
    }
  }
}

}  // namespace transformlet
