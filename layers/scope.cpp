#include "layers/scope.h"

#include <algorithm>

#include "base/random.h"

namespace transformlet {
namespace {

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

}  // namespace

TensorList Parameters::tensors() const {
  TensorList result;
  for (const Parameter& parameter : list_) result.push_back(parameter.value);
  return result;
}

int64_t Parameters::count() const {
  int64_t result = 0;
  for (const Parameter& parameter : list_) result += parameter.value.size();
  return result;
}

void Parameters::add(Parameter parameter) {
  const std::string& name = parameter.value.name();
  require(std::none_of(list_.begin(), list_.end(), [&](const Parameter& other) { return other.value.name() == name; }),
          "parameter {} exists twice; give each layer a scope of its own", name);
  list_.push_back(std::move(parameter));
}

Scope Scope::dry(Parameters& parameters) {
  Scope scope(parameters, 0, DType::float32);
  scope.dry_ = true;
  return scope;
}

Scope Scope::operator/(std::string_view name) const {
  Scope inner = *this;
  inner.path_ = joined(path_, name);
  return inner;
}

Tensor Scope::parameter(std::string_view name, const Shape& shape, const Initializer& initializer,
                        ParameterKind kind) const {
  const std::string full_name = joined(path_, name);
  if (dry_) {
    const Tensor parameter(
        std::make_shared<Tensor::Body>(Tensor::Body{shape, shape.size(), dtype_, nullptr, nullptr, 0, full_name}));
    parameters_->add({parameter, kind});
    return parameter;
  }
  Tensor values = empty(shape, dtype_);
  RandomStream stream(RandomKey(seed_) / "initial" / full_name);
  // Drawn in double and rounded: a float32 model starts at the rounded weights of the float64 one.
  with_dtype(dtype_, [&]<class T>() { initializer.fill(shape, stream, values.data<T>()); });
  const Tensor parameter = leaf(values, full_name);
  parameters_->add({parameter, kind});
  return parameter;
}

}  // namespace transformlet
