// Training against golden cases: the losses before and after each step of AdamW, with clipping, as PyTorch recorded
// them.
#pragma once

#include <functional>

#include "layers/pass.h"
#include "optim/clip.h"
#include "optim/config.h"
#include "tests/golden_parameters.h"

namespace transformlet {

// `loss_of`: of a pass over the model that has these parameters. The tolerance is a fraction of each loss.
inline void expect_losses_of_adamw(const GoldenCase& golden, const Parameters& parameters, size_t steps,
                                   double tolerance, const std::function<Tensor(const Pass&)>& loss_of) {
  AdamWConfig config;
  config.betas = {golden.settings.at("beta1"), golden.settings.at("beta2")};
  config.weight_decay = golden.settings.at("weight_decay");
  std::vector<OptimizedParameter> optimized;
  for (const Parameter& parameter : parameters.list()) {
    optimized.push_back({parameter.value, is_weight(parameter.kind)});
  }
  const auto optimizer = make_optimizer(config, optimized);
  const GoldenArray& losses = golden.outputs.at("losses");
  ASSERT_EQ(losses.data.size(), steps + 1);
  for (size_t step = 0; step < losses.data.size(); ++step) {
    const Tensor loss = loss_of(Pass::training(1, static_cast<int64_t>(step)));
    EXPECT_NEAR(loss.item(), losses.data[step], tolerance * losses.data[step]) << "step " << step;
    const TensorList gradients = grad(loss, parameters.tensors());
    optimizer->step(gradients, golden.settings.at("learning_rate"),
                    clip_scale(global_norm(gradients), golden.settings.at("clip_norm")));
  }
}

}  // namespace transformlet
