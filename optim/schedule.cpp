#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace transformlet {
namespace {

double warmup(double t, int64_t warmup_steps) {
  return warmup_steps > 0 ? std::min(1.0, t / static_cast<double>(warmup_steps)) : 1.0;
}

// From 1 at progress 0 to 0 at progress 1.
double half_cosine(double progress) { return 0.5 * (1.0 + std::cos(std::numbers::pi * progress)); }

void describe_warmup(Fields& field, int64_t& warmup_steps) {
  field("warmup_steps", warmup_steps, "steps of linear rise to the full learning rate", at_least(0));
}

void describe_final(Fields& field, double& final_learning_rate) {
  field("final_learning_rate", final_learning_rate, "learning rate of the last step", at_least(0));
}

}  // namespace

void ConstantSchedule::describe(Fields& field) { describe_warmup(field, warmup_steps); }

double ConstantSchedule::rate(double t, double /*n*/, double peak) const { return warmup(t, warmup_steps) * peak; }

void LinearSchedule::describe(Fields& field) {
  describe_warmup(field, warmup_steps);
  describe_final(field, final_learning_rate);
}

// std::lerp, here and below, meets both ends exactly.
double LinearSchedule::rate(double t, double n, double peak) const {
  const auto w = static_cast<double>(warmup_steps);
  if (t <= w) return warmup(t, warmup_steps) * peak;
  return std::lerp(peak, final_learning_rate, (t - w) / (n - w));
}

void CosineSchedule::describe(Fields& field) {
  describe_warmup(field, warmup_steps);
  describe_final(field, final_learning_rate);
  field("cosine_after_warmup", cosine_after_warmup,
        "start the cosine where the warm-up ends; otherwise it spans all steps and the warm-up multiplies it");
}

double CosineSchedule::rate(double t, double n, double peak) const {
  if (!cosine_after_warmup) return warmup(t, warmup_steps) * std::lerp(final_learning_rate, peak, half_cosine(t / n));
  const auto w = static_cast<double>(warmup_steps);
  if (t <= w) return warmup(t, warmup_steps) * peak;
  return std::lerp(final_learning_rate, peak, half_cosine((t - w) / (n - w)));
}

void InverseSquareRootSchedule::describe(Fields& field) {
  // The warm-up sets how fast the rate falls, so there is no default.
  field("warmup_steps", warmup_steps, "steps of linear rise; the rate falls as sqrt(warmup_steps / step)", required(),
        at_least(1));
}

double InverseSquareRootSchedule::rate(double t, double /*n*/, double peak) const {
  const auto w = static_cast<double>(warmup_steps);
  return peak * std::min(t / w, std::sqrt(w / t));
}

double learning_rate(const ScheduleConfig& schedule, int64_t step, int64_t max_steps, double peak) {
  require(0 <= step && step < max_steps, "learning_rate: step {} is not one of 0 ... {}", step, max_steps - 1);
  return std::visit(
      [&](const auto& chosen) {
        return chosen.rate(static_cast<double>(step + 1), static_cast<double>(max_steps), peak);
      },
      schedule);
}

}  // namespace transformlet
