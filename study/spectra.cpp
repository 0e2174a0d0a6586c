// How many directions matrices use: singular values s1 >= s2 >= ... of each weight matrix, as it is stored (the packed
// projection of queries, keys and values is one matrix), and of the activations that the key names, as a matrix (tokens
// of the examples, units) without padding and without centring:
//
//   largest, smallest   s1, and the last of min(rows, columns)
//   effective_rank      exp of the entropy of s_i / sum s (Roy and Vetterli 2007, "The effective rank")
//   stable_rank         sum s^2 / s1^2 (Rudelson and Vershynin 2007)
//   singular_value.i    the leading ones, from i = 1, as many as the key says
//
// A matrix of zeros has no ranks. Activations of fewer tokens than units show the tokens' number, at most. In float64.
// Cost: for each matrix about 4 rows columns min(rows, columns) operations, which vocabularies make large, and a
// forward pass for activations.
#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "study/linear_algebra.h"
#include "study/probe.h"
#include "study/token_rows.h"

namespace transformlet {
namespace {

// Collects (tokens, units) of activations whose names end in one of the words.
class MatrixTap : public Tap {
 public:
  MatrixTap(const std::vector<std::string>& endings, const ModelInputs& examples)
      : endings_(endings), examples_(examples) {}

  bool wants(std::string_view name) const override {
    return std::ranges::any_of(endings_, [&](const std::string& ending) { return name.ends_with("." + ending); });
  }

  Tensor receive(std::string_view name, const Tensor& x) override {
    const std::vector<int64_t> rows = token_rows(name, x, examples_);
    const Tokens ids({rows.begin(), rows.end()}, {static_cast<int64_t>(rows.size())});
    names.emplace_back(name);
    matrices.push_back(gather_rows(reshape(x, {x.rows(), x.columns()}), ids));
    return x;
  }

  std::vector<std::string> names;
  TensorList matrices;

 private:
  const std::vector<std::string>& endings_;
  const ModelInputs& examples_;
};

struct Spectra : Probe {
  static constexpr const char* name = "spectra";
  static constexpr const char* help = "of weights and activations: largest and smallest singular value, ranks";

  std::vector<std::string> activations = {"output"};
  int64_t leading = 0;

  void describe_keys(Fields& field) override {
    field("activations", activations,
          "which: what a block leaves in the residual stream, what layers add to it, hidden units, sums of values",
          one_of({"output", "attention_output", "feed_forward_output", "hidden", "values"}));
    field("leading", leading, "singular values of each matrix to write down, the largest first", between(0, 1000000));
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    MatrixTap tap(activations, view.examples);
    if (!activations.empty()) view.model(view.examples, Pass::evaluation().with_tap(tap));
    std::vector<std::string> names = std::move(tap.names);
    TensorList matrices = std::move(tap.matrices);
    for (const Parameter& parameter : view.parameters.list()) {
      if (parameter.value.rank() != 2) continue;
      names.push_back(parameter.value.name());
      matrices.push_back(parameter.value);
    }
    const std::vector<std::vector<double>> spectra = singular_values(matrices);
    Measurements result;
    for (size_t i = 0; i < spectra.size(); ++i) {
      if (!spectra[i].empty()) add(names[i] + "/", spectra[i], result);
    }
    return result;
  }

 private:
  void add(const std::string& prefix, const std::vector<double>& values, Measurements& result) const {
    double squares = 0;
    for (const double value : values) squares += value * value;
    result.emplace_back(prefix + "largest", values.front());
    result.emplace_back(prefix + "smallest", values.back());
    if (values.front() != 0) {
      result.emplace_back(prefix + "effective_rank", effective_rank(values));
      result.emplace_back(prefix + "stable_rank", squares / (values.front() * values.front()));
    }
    for (size_t i = 0; i < std::min(values.size(), static_cast<size_t>(leading)); ++i) {
      result.emplace_back(prefix + "singular_value." + std::to_string(i + 1), values[i]);
    }
  }
};

const Registered<Probe, Spectra> registered;

}  // namespace
}  // namespace transformlet
