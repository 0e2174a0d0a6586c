// Parameters and their names. A layer's constructor asks a Scope for parameters; the name that a parameter gets there
// is its name everywhere: in checkpoints, in the gradient check, in metrics and in messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/tensor.h"
#include "layers/initializers.h"

namespace transformlet {

// What a parameter is, for optimisers: they usually decay weights only, and some move the matrices between hidden
// layers in a way of their own. outer_weight: a weight that faces ids or classes, of the first or last layer.
enum class ParameterKind { weight, outer_weight, bias, gain, embedding };
inline bool is_weight(ParameterKind kind) {
  return kind == ParameterKind::weight || kind == ParameterKind::outer_weight;
}

struct Parameter {
  Tensor value;  // a leaf, named
  ParameterKind kind;
};

// All parameters of a model, in the order of their creation.
class Parameters {
 public:
  const std::vector<Parameter>& list() const { return list_; }
  TensorList tensors() const;
  int64_t count() const;          // of numbers
  void add(Parameter parameter);  // an Error if the name is taken

 private:
  std::vector<Parameter> list_;
};

class Scope {
 public:
  // An initial weight is a function of the seed and the parameter's name, so adding a layer changes no other's weights.
  Scope(Parameters& parameters, uint64_t seed, DType dtype) : parameters_(&parameters), seed_(seed), dtype_(dtype) {}

  // A scope that hands out parameters with shapes but without memory: for counting, never for computing.
  static Scope dry(Parameters& parameters);
  bool is_dry() const { return dry_; }

  Scope operator/(std::string_view name) const;
  Scope operator/(int64_t index) const { return *this / std::to_string(index); }

  Tensor parameter(std::string_view name, const Shape& shape, const Initializer& initializer,
                   ParameterKind kind = ParameterKind::weight) const;

  const std::string& path() const { return path_; }  // "encoder.blocks.0.attention"
  DType dtype() const { return dtype_; }

 private:
  Parameters* parameters_;
  uint64_t seed_;
  DType dtype_;
  bool dry_ = false;
  std::string path_;
};

// What the function makes, or nothing: of a layer that may be absent.
template <class Function>
auto only_if(bool condition, const Function& make) {
  return condition ? std::optional(make()) : std::nullopt;
}

}  // namespace transformlet
