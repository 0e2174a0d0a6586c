// What is checked: a function of leaves, its values at displaced inputs, and the branches that it takes there.
#pragma once

#include <string>
#include <vector>

#include "autograd/gradcheck.h"

namespace transformlet::checking {

// A branch of an op on the way to the outputs.
struct Branch {
  const char* op;
  uint64_t signature;
  bool operator==(const Branch& other) const { return signature == other.signature; }
};

// What the function gives at one point: all outputs end to end.
struct Point {
  std::vector<double> values;
  std::vector<Branch> branches;

  bool finite() const;
};

// The outputs, and the tensors whose graph tells which branches were taken: the outputs themselves, or, where the
// outputs are gradients, those of the function behind them.
struct Evaluated {
  TensorList outputs, roots;
};

struct Problem {
  TensorList inputs;
  std::function<Evaluated()> value;            // at the inputs' present values
  std::function<TensorList()> differentiable;  // outputs with a graph, whose gradient is the one to be checked
  TensorList cotangents;                       // one for each output
  double epsilon = 0;                          // of the least precise dtype that takes part

  Point evaluate() const;
  TensorList gradient() const;  // of the sum of <output, cotangent>, for each input
  // For each input: does a path join it to an output?
  std::vector<bool> joined() const;

 private:
  void require_as_before(const TensorList& outputs) const;
};

// The unit roundoff of the least precise dtype in the graph of some outputs, wherever it is cast to and from.
double epsilon_of(const TensorList& outputs, const TensorList& inputs);

// All values of tensors, end to end.
std::vector<double> values_of(const TensorList& tensors);

// Cotangents for outputs: normal, but not near 0, so that no output goes unseen.
TensorList random_cotangents(const TensorList& outputs, uint64_t seed);

// Leaves whose memory is their own: what is displaced must be one input, and all of it.
void require_leaves(const char* op, const TensorList& inputs);
std::string name_of_input(const TensorList& inputs, size_t i);
std::vector<int64_t> unravel(const Shape& shape, int64_t position);
std::vector<double> root_mean_squares(const TensorList& tensors);  // of each one's finite values

// Reads and writes elements of a leaf of any dtype.
double value_at(const Tensor& x, int64_t at);
void set_values(Tensor x, const std::function<double(int64_t)>& value);
void set_value(Tensor x, int64_t at, double value);

}  // namespace transformlet::checking
