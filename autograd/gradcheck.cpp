#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "autograd/graph.h"
#include "autograd/node.h"
#include "base/random.h"

namespace transformlet {
namespace {

TensorList random_cotangents(const TensorList& outputs, uint64_t seed) {
  TensorList cotangents;
  for (size_t i = 0; i < outputs.size(); ++i) {
    RandomStream stream(RandomKey(seed) / "cotangent" / static_cast<int64_t>(i));
    std::vector<double> values(static_cast<size_t>(outputs[i].size()));
    for (double& value : values) value = stream.normal();
    cotangents.push_back(tensor(values, outputs[i].shape(), outputs[i].dtype()));
  }
  return cotangents;
}

// The sum of <output, cotangent>. Compensated, so that the differences see the function's rounding and not the sum's.
double inner_product(const TensorList& outputs, const TensorList& cotangents) {
  double total = 0, compensation = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const double* const y = outputs[i].data<double>();
    const double* const u = cotangents[i].data<double>();
    for (int64_t j = 0; j < outputs[i].size(); ++j) {
      const double term = y[j] * u[j] - compensation, next = total + term;
      compensation = (next - total) - term;
      total = next;
    }
  }
  return total;
}

std::vector<int64_t> unravel(const Shape& shape, int64_t position) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

class Checker {
 public:
  Checker(const TensorFunction& function, const TensorList& inputs, const GradcheckOptions& options)
      : function_(function), inputs_(inputs), options_(options) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      require(inputs[i].dtype() == DType::float64, "gradcheck: input {} is {}; differences need float64", i,
              name_of(inputs[i].dtype()));
      require(is_leaf(inputs[i]), "gradcheck: input {} is not a leaf(); its values can't be changed", i);
    }
  }

  GradcheckResult run() {
    const RecordingIs on(true);
    const TensorList outputs = function_(inputs_);
    cotangents_ = random_cotangents(outputs, options_.seed);
    scale_ = std::max(1.0, std::abs(inner_product(outputs, cotangents_)));
    const TensorList gradients = grad(outputs, inputs_, {.seeds = cotangents_});
    GradcheckResult result;
    for (size_t i = 0; i < inputs_.size(); ++i) result.rows.push_back(check(i, gradients[i]));
    return result;
  }

 private:
  GradcheckRow check(size_t input, const Tensor& gradient) {
    const Tensor& x = inputs_[input];
    GradcheckRow row;
    row.name = x.name().empty() ? fmt::format("input {}", input) : x.name();
    row.shape = x.shape();
    const bool all = options_.max_entries == 0 || x.size() <= options_.max_entries;
    row.entries_checked = all ? x.size() : options_.max_entries;
    const std::vector<int64_t> order =
        all ? std::vector<int64_t>() : shuffled(RandomKey(options_.seed) / "entries" / row.name, x.size());
    double worst = -1;
    for (int64_t i = 0; i < row.entries_checked; ++i) {
      const int64_t at = all ? i : order[static_cast<size_t>(i)];
      const double analytic = gradient.data<double>()[at];
      double numeric = 0, badness = INFINITY;
      for (double h = options_.eps; badness > 1 && h >= options_.eps * 0.9e-3; h /= 10) {
        const double estimate = difference(input, at, h);
        const double allowed =
            options_.atol * scale_ + options_.rtol * std::max(std::abs(analytic), std::abs(estimate));
        const double now = std::abs(analytic - estimate) / allowed;
        if (now < badness || h == options_.eps) {
          numeric = estimate;
          badness = std::isnan(now) ? INFINITY : now;
        }
      }
      row.entries_failed += badness > 1;
      if (badness > worst) {
        worst = badness;
        row.analytic = analytic;
        row.numeric = numeric;
        row.worst_error = std::abs(analytic - numeric);
        const double size = std::max(std::abs(analytic), std::abs(numeric));
        row.relative_error = size == 0 ? 0 : row.worst_error / size;
        row.index = unravel(x.shape(), at);
      }
    }
    return row;
  }

  double difference(size_t input, int64_t at, double step) {
    Tensor x = inputs_[input];
    const double value = x.data<double>()[at];
    const double h = step * std::max(1.0, std::abs(value));
    const auto f = [&](double displaced) {
      overwrite<double>(x)[at] = displaced;
      const NoRecording off;
      return inner_product(function_(inputs_), cotangents_);
    };
    const double near = f(value + h) - f(value - h), far = f(value + 2 * h) - f(value - 2 * h);
    overwrite<double>(x)[at] = value;
    return (8 * near - far) / (12 * h);
  }

  const TensorFunction& function_;
  const TensorList& inputs_;
  const GradcheckOptions& options_;
  TensorList cotangents_;
  double scale_ = 1;
};

}  // namespace

bool GradcheckResult::ok() const {
  return std::all_of(rows.begin(), rows.end(), [](const GradcheckRow& row) { return row.entries_failed == 0; });
}

std::ostream& operator<<(std::ostream& out, const GradcheckResult& result) {
  for (const GradcheckRow& row : result.rows) {
    out << fmt::format("{} {} {}: {} of {} entries fail; worst at [{}]: analytic {:.10g}, numeric {:.10g}\n",
                       row.entries_failed == 0 ? "pass" : "FAIL", row.name, row.shape, row.entries_failed,
                       row.entries_checked, fmt::join(row.index, ", "), row.analytic, row.numeric);
  }
  return out;
}

GradcheckResult gradcheck(const TensorFunction& function, const TensorList& inputs, const GradcheckOptions& options) {
  return Checker(function, inputs, options).run();
}

GradcheckResult gradgradcheck(const TensorFunction& function, const TensorList& inputs,
                              const GradcheckOptions& options) {
  const size_t count = inputs.size();
  // The gradients as a function of the inputs and the cotangents.
  const TensorFunction gradients = [&function, count](const TensorList& all) {
    const RecordingIs on(true);
    const HigherOrder guard;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(count);
    const TensorList ys = function(TensorList(all.begin(), middle));
    return grad(ys, TensorList(all.begin(), middle), {.seeds = TensorList(middle, all.end()), .differentiable = true});
  };
  TensorList all = inputs, outputs;
  {
    const NoRecording off;
    outputs = function(inputs);
  }
  const TensorList cotangents = random_cotangents(outputs, options.seed + 1);
  for (size_t i = 0; i < cotangents.size(); ++i) all.push_back(leaf(cotangents[i], fmt::format("cotangent {}", i)));
  return gradcheck(gradients, all, options);
}

}  // namespace transformlet
