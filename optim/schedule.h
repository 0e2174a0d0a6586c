// How the learning rate changes over a run, as config files choose it:
//   schedule: {name: cosine, warmup_steps: 50, final_learning_rate: 0}
//
// The trainer counts steps from 0; the formulas count updates: t = step + 1, so t = 1 ... max_steps. Thus the first
// update of a warm-up is not wasted on a rate of 0, and the last update, t = max_steps, has the final rate. Below,
// w = warmup_steps, n = max_steps, and warmup(t) = min(1, t / w) (Goyal et al. 2017), or 1 if w = 0.
#pragma once

#include <cstdint>
#include <variant>

#include "base/fields.h"

namespace transformlet {

// warmup(t) * peak
struct ConstantSchedule {
  static constexpr const char* name = "constant";
  static constexpr const char* help = "always the same, after the warm-up";
  int64_t warmup_steps = 0;

  void describe(Fields& field);
  double rate(double t, double n, double peak) const;
};

// t <= w: warmup(t) * peak; then peak + (final - peak) * (t - w) / (n - w) (Devlin et al. 2019).
struct LinearSchedule {
  static constexpr const char* name = "linear";
  static constexpr const char* help = "a straight line, after the warm-up, to the final learning rate";
  int64_t warmup_steps = 0;
  double final_learning_rate = 0.0;

  void describe(Fields& field);
  double rate(double t, double n, double peak) const;
};

// warmup(t) * (final + (peak - final) * (1 + cos(pi t / n)) / 2): the cosine (Loshchilov and Hutter 2017) spans the
// whole run and the warm-up multiplies it, as in Lippe's UvA deep learning tutorial 6, whose scheduler calls t the
// epoch. It takes its first update at t = 0, with rate 0, where we have the last one at t = n.
//
// With cosine_after_warmup, the cosine spans what the warm-up leaves. t <= w: warmup(t) * peak; then
//   final + (peak - final) * (1 + cos(pi (t - w) / (n - w))) / 2.
// That is get_lr in Karpathy's nanoGPT, which counts from 0: warmup_iters = w - 1, lr_decay_iters = n - 1.
struct CosineSchedule {
  static constexpr const char* name = "cosine";
  static constexpr const char* help = "half a cosine down to the final learning rate";
  int64_t warmup_steps = 0;
  double final_learning_rate = 0.0;
  bool cosine_after_warmup = false;

  void describe(Fields& field);
  double rate(double t, double n, double peak) const;
};

// peak * min(t / w, sqrt(w / t)) (Vaswani et al. 2017, equation 3, scaled so that its largest value is `peak`)
struct InverseSquareRootSchedule {
  static constexpr const char* name = "inverse_square_root";
  static constexpr const char* help = "falls with the root of the step, after the warm-up";
  int64_t warmup_steps = 1;

  void describe(Fields& field);
  double rate(double t, double n, double peak) const;
};

using ScheduleConfig = std::variant<ConstantSchedule, LinearSchedule, CosineSchedule, InverseSquareRootSchedule>;

// The learning rate of a step, which counts from 0. Error: a step outside 0 ... max_steps - 1.
double learning_rate(const ScheduleConfig& schedule, int64_t step, int64_t max_steps, double peak);

}  // namespace transformlet
