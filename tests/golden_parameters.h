// Layers and models against golden cases: parameters are set, and their gradients compared, by name.
#pragma once

#include "layers/scope.h"
#include "tests/golden_tensors.h"

namespace transformlet {

// Every parameter takes the recorded value of its name.
inline void set_parameters(const GoldenCase& golden, Parameters& parameters, DType dtype) {
  for (const Parameter& parameter : parameters.list()) {
    const Tensor recorded = golden_tensor(golden.inputs.at(parameter.value.name()), dtype);
    ASSERT_EQ(recorded.shape(), parameter.value.shape());
    Tensor target = parameter.value;
    with_dtype(dtype, [&]<class T>() { std::copy_n(recorded.data<T>(), recorded.size(), overwrite<T>(target)); });
  }
}

inline void expect_gradients(const GoldenCase& golden, const TensorList& ys, const TensorList& seeds, TensorList inputs,
                             const Parameters& parameters) {
  for (const Parameter& parameter : parameters.list()) inputs.push_back(parameter.value);
  ASSERT_EQ(inputs.size(), golden.gradients.size());
  const TensorList gradients = grad(ys, inputs, {.seeds = seeds});
  for (size_t i = 0; i < inputs.size(); ++i) {
    expect_golden(golden.gradients.at(inputs[i].name()), gradients[i], inputs[i].name());
  }
}

}  // namespace transformlet
