#include "optim/config.h"

namespace transformlet {

void OptimizerKeys::describe_decay_and_clipping(Fields& field) {
  field("weight_decay", weight_decay, "strength of weight decay", at_least(0));
  field("decay_all_parameters", decay_all_parameters, "let biases, gains of norms and embeddings decay too");
  field("clip_norm", clip_norm, "largest norm of all gradients together; beyond it they are scaled down",
        greater_than(0));
  field("clip_value", clip_value, "largest absolute value of a gradient's element; beyond it, it is cut off",
        greater_than(0));
  field.check([&] { return !clip_norm || !clip_value; }, {"clip_value", "clip_norm"},
              "cannot be combined with clip_norm");
}

void SgdConfig::describe(Fields& field) {
  // What is right depends on the loss by orders of magnitude, so there is no default.
  field("learning_rate", learning_rate, "largest learning rate; the schedule starts from it", required(),
        greater_than(0));
  field("momentum", momentum, "how much of the velocity a step keeps", at_least(0), less_than(1));
  field("dampening", dampening, "share of the gradient that is kept out of the velocity", at_least(0), less_than(1));
  field("nesterov", nesterov, "use Nesterov's momentum");
  describe_decay_and_clipping(field);
  field.check([&] { return dampening == 0 || momentum > 0; }, {"dampening", "momentum"}, "needs a momentum above 0");
  field.check([&] { return !nesterov || (momentum > 0 && dampening == 0); }, {"nesterov", "momentum", "dampening"},
              "needs a momentum above 0 and no dampening");
}

void AdamConfig::describe(Fields& field) {
  field("learning_rate", learning_rate, "largest learning rate; the schedule starts from it", greater_than(0));
  field("betas", betas, "how much of the running means of gradient and squared gradient a step keeps", at_least(0),
        less_than(1));
  // Far below, float32 would round it to 0, and an element that never has a gradient would become 0 / 0.
  field("epsilon", epsilon, "added to the root of the mean squared gradient", at_least(1e-30));
  describe_decay_and_clipping(field);
}

void LionConfig::describe(Fields& field) {
  field("learning_rate", learning_rate, "largest learning rate; the schedule starts from it", greater_than(0));
  field("betas", betas, "how much of the running mean gradient the direction of a step takes, and how much it keeps",
        at_least(0), less_than(1));
  describe_decay_and_clipping(field);
}

void MuonConfig::describe(Fields& field) {
  field("learning_rate", learning_rate, "largest learning rate of hidden matrices; the schedule starts from it",
        greater_than(0));
  field("momentum", momentum, "how much of the running mean gradient of hidden matrices a step keeps", at_least(0),
        less_than(1));
  field("adamw_learning_rate", adamw_learning_rate,
        "largest learning rate of all other parameters, which AdamW moves; it follows the schedule too",
        greater_than(0));
  field("betas", betas, "AdamW's: how much of the means of gradient and squared gradient a step keeps", at_least(0),
        less_than(1));
  field("epsilon", epsilon, "AdamW's: added to the root of the mean squared gradient", at_least(1e-30));
  describe_decay_and_clipping(field);
}

}  // namespace transformlet
