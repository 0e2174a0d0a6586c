#include "autograd/gradcheck/diagnosis.h"

#include <algorithm>
#include <cmath>

#include "autograd/gradcheck/entries.h"

namespace transformlet::checking {
namespace {

using Values = std::vector<double>;

// A pattern fits if it explains the gradient to this part of its norm: far more than differences lose, far less than
// what two patterns that are mistaken for each other would leave.
constexpr double fit = 1e-5;

double norm(const Values& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

double dot(const Values& x, const Values& y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

bool fits(const Values& x, const Values& model, double scale = 1) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += std::pow(x[i] - scale * model[i], 2);
  return norm(x) > 0 && std::sqrt(sum) <= fit * norm(x);
}

// x = ratio * model, but for rounding: the ratio, or 0.
double constant_ratio(const Values& x, const Values& model) {
  const double square = dot(model, model), ratio = square > 0 ? dot(x, model) / square : 0;
  return ratio != 0 && fits(x, model, ratio) ? ratio : 0;
}

bool near(double a, double b) { return std::abs(a - b) <= fit * std::abs(b); }

std::string ratio_in_words(double ratio) {
  if (near(ratio, -1)) return "the sign is wrong";
  if (near(ratio, 2)) return "twice too large";
  if (near(ratio, 0.5)) return "half of what it should be";
  const double size = std::abs(ratio), larger = std::max(size, 1 / size), square = larger * larger;
  const std::string sign = ratio < 0 ? ", and the sign is wrong" : "";
  const char* const direction = size > 1 ? "large" : "small";
  if (near(larger, std::round(larger))) {
    return fmt::format("{} times too {}{}: a sum where a mean belongs, or the other way round?", std::round(larger),
                       direction, sign);
  }
  if (near(square, std::round(square)) && square < 1e5) {
    return fmt::format("off by {}sqrt({}){}: the scale 1/sqrt(d_k) of attention?", size > 1 ? "" : "1/",
                       std::round(square), sign);
  }
  return fmt::format("off by a constant factor of {:.6g}", ratio);
}

// x with its last two axes swapped, in x's own order of memory.
Values transposed(const Values& x, const Shape& shape) {
  const auto rows = static_cast<size_t>(shape[-2]), columns = static_cast<size_t>(shape[-1]);
  Values result(x.size());
  for (size_t matrix = 0; matrix < x.size(); matrix += rows * columns) {
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) result[matrix + j * rows + i] = x[matrix + i * columns + j];
    }
  }
  return result;
}

// Each entry takes the value of its neighbour on an axis; what has none is left out of the comparison.
bool is_shifted(const Comparison& c, int axis, int64_t by) {
  int64_t stride = 1;
  for (int inner = axis + 1; inner < c.shape.rank(); ++inner) stride *= c.shape[inner];
  Values analytic, numeric;
  for (size_t i = 0; i < c.at.size(); ++i) {
    const int64_t neighbour = unravel(c.shape, c.at[i])[static_cast<size_t>(axis)] + by;
    if (neighbour < 0 || neighbour >= c.shape[axis]) continue;
    analytic.push_back(c.analytic[i]);
    numeric.push_back(c.numeric[static_cast<size_t>(c.at[i] + by * stride)]);
  }
  return analytic.size() > 1 && fits(analytic, numeric) && norm(numeric) > 0;
}

// Where all wrong entries lie, if that is a part of an axis alone: "only index 3 of axis 0".
std::string region(const Comparison& c) {
  std::string words;
  for (int axis = 0; axis < c.shape.rank(); ++axis) {
    int64_t first = c.shape[axis], last = -1;
    for (size_t i = 0; i < c.at.size(); ++i) {
      if (!c.wrong[i]) continue;
      const int64_t index = unravel(c.shape, c.at[i])[static_cast<size_t>(axis)];
      first = std::min(first, index);
      last = std::max(last, index);
    }
    const int64_t width = last - first + 1;
    if (width >= c.shape[axis]) continue;
    words += words.empty() ? "only where " : " and ";
    words += width == 1 ? fmt::format("axis {} is {}", axis, first)
                        : fmt::format("axis {} is in [{}, {})", axis, first, last + 1);
    if (width > 1 && c.shape[axis] % width == 0 && first % width == 0) {
      words += fmt::format(" (as one head of {} would)", c.shape[axis] / width);
    }
  }
  return words;
}

// The gradient is that of a part of the batch.
std::string missing_sum(const Comparison& c) {
  if (c.shares.empty()) return "";
  const size_t samples = c.shares.front().size();
  for (size_t sample = 0; sample < samples; ++sample) {
    Values analytic, alone, others;
    for (size_t k = 0; k < c.shares.size(); ++k) {
      analytic.push_back(c.analytic[c.shared[k]]);
      alone.push_back(c.shares[k][sample]);
      others.push_back(c.numeric[c.shared[k]] - c.shares[k][sample]);
    }
    if (norm(others) <= fit * norm(analytic)) continue;  // nothing else contributes
    if (fits(analytic, alone))
      return fmt::format("what sample {} alone contributes: the sum over the batch is missing", sample);
    if (samples > 2 && fits(analytic, others)) return fmt::format("what sample {} contributes is missing", sample);
  }
  return "";
}

Values only_wrong(const Comparison& c, const Values& x) {
  Values result;
  for (size_t i = 0; i < x.size(); ++i) {
    if (c.wrong[i]) result.push_back(x[i]);
  }
  return result;
}

std::string pattern(const Comparison& c) {
  const Values analytic = only_wrong(c, c.analytic), numeric = only_wrong(c, c.numeric);
  if (std::any_of(analytic.begin(), analytic.end(), [](double a) { return !std::isfinite(a); })) {
    return "the gradient is not finite, though the function is";
  }
  if (norm(analytic) == 0) return "no gradient arrives: is it detached on the way?";
  if (norm(numeric) <= fit * norm(analytic)) {
    return "a gradient where the function does not depend on the input: is a mask ignored in the backward pass?";
  }
  if (analytic.size() > 1) {
    if (const double ratio = constant_ratio(analytic, numeric); ratio != 0) return ratio_in_words(ratio);
  }
  if (const std::string words = missing_sum(c); !words.empty()) return words;
  const bool everything = c.whole && static_cast<int64_t>(c.at.size()) == c.shape.size();
  if (everything && c.shape.rank() >= 2) {
    if (fits(c.analytic, transposed(c.numeric, c.shape))) return "the gradient is transposed";
  }
  for (int axis = 0; everything && axis < c.shape.rank(); ++axis) {
    for (const int64_t by : {-1, 1}) {
      if (is_shifted(c, axis, by)) return fmt::format("the gradient is shifted by one along axis {}", axis);
    }
  }
  return "";
}

}  // namespace

void Comparison::add(int64_t entry, double analytic_value, double numeric_value, bool is_wrong) {
  at.push_back(entry);
  analytic.push_back(analytic_value);
  numeric.push_back(numeric_value);
  wrong.push_back(is_wrong);
}

double Comparison::cosine() const {
  const double size = norm(analytic) * norm(numeric);
  return size > 0 ? dot(analytic, numeric) / size : norm(analytic) == norm(numeric) ? 1 : 0;
}

void measure_shares(const Check& check, size_t input, double step, Comparison& comparison) {
  constexpr size_t most = 32;
  const TensorList& outputs = check.problem.cotangents;
  const auto is_batch = [&](const Tensor& y) { return y.rank() >= 1 && y.dim(0) == outputs[0].dim(0); };
  if (outputs.empty() || !std::all_of(outputs.begin(), outputs.end(), is_batch) || outputs[0].dim(0) < 2) return;
  const auto samples = static_cast<size_t>(outputs[0].dim(0));
  for (size_t i = 0; i < comparison.at.size() && comparison.shared.size() < most; ++i) {
    if (!comparison.wrong[i]) continue;
    // Plain differences err by the square of the step: a small one leaves less than a pattern's fit.
    const Values parts = check.differences.shares(along_entry(check.input(input), comparison.at[i]), step * 1e-3);
    Values by_sample(samples);
    size_t place = 0;
    for (const Tensor& y : outputs) {
      const size_t each = static_cast<size_t>(y.size()) / samples;
      for (size_t j = 0; j < static_cast<size_t>(y.size()); ++j) by_sample[j / each] += parts[place + j];
      place += static_cast<size_t>(y.size());
    }
    comparison.shared.push_back(i);
    comparison.shares.push_back(std::move(by_sample));
  }
}

std::string diagnose(const Comparison& comparison) {
  const int64_t wrong = std::count(comparison.wrong.begin(), comparison.wrong.end(), true);
  const std::string words = pattern(comparison);
  if (wrong == 1 && comparison.at.size() > 1)
    return words.empty() ? "one entry alone is wrong" : "one entry alone: " + words;
  const std::string where = region(comparison);
  if (words.empty() || where.empty()) return words + where;
  return fmt::format("{}; {}", words, where);
}

}  // namespace transformlet::checking
