// What went wrong first, by name, when a loss, a gradient or a weight is not finite. All of it looks again at what has
// been computed already, to the same bits, so a run that goes well pays nothing.
#pragma once

#include <functional>
#include <string>

#include "train/training_step.h"

namespace transformlet {

// "the weight head.out.weight (5, 16)", with how many others if it is not the only one; empty: all are finite.
std::string first_weight_not_finite(const Parameters& parameters);

// Of all that the function computes, in order, and of what it returns: "the output of linear in
// encoder.blocks.0.attention.qkv (32, 6, 48)". An op without parameters is named by the layer before it: "of softmax
// after ...". Empty: everything is finite.
std::string first_activation_not_finite(const std::function<Tensor()>& compute);

// Of the weights, then of the step's activations, then of its gradients in the order of the backward pass: "the
// gradient of head.out.weight (5, 16)".
std::string first_not_finite_in_step(TrainingStep& training_step, const Parameters& parameters, int64_t step);

// Of the activations of an evaluation's forward passes.
std::string first_not_finite_in_evaluation(const Model& model, const Task& task, Split split,
                                           const std::vector<int64_t>& examples, int64_t batch_size);

}  // namespace transformlet
