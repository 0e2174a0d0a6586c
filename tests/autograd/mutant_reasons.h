// Why a planted bug changes no gradient: a reason that is computed, never assumed.
#pragma once

#include <set>

#include "tests/autograd/mutant_kinds.h"

namespace transformlet::mutants {

// What is found in the calls of the vjp that the bug was planted in, each for itself.
class Explanation {
 public:
  // Empty if there is no reason.
  static std::string of(const TensorFunction& function, const Mutant& mutant, const TensorList& inputs,
                        const TensorList& right, uint64_t seed) {
    if (!mutant.alter) return "";
    Explanation explanation(mutant);
    const TensorList other = gradient_of(
        planted(
            function, mutant.op, [&](const VjpCall& call, TensorList& gradients) { explanation.look(call, gradients); },
            mutant.nodes),
        inputs, seed);
    return explanation.conclude(relative_change(right, other));
  }

 private:
  explicit Explanation(const Mutant& mutant) : mutant_(mutant) {}

  // Replaces what the bug changes by random numbers.
  void look(const VjpCall& call, TensorList& gradients) {
    ++calls_;
    TensorList altered = call.run();
    mutant_.alter(call, altered);
    bool changes = false, empty = true, zero = true;
    for (size_t slot = 0; slot < gradients.size(); ++slot) {
      if (!gradients[slot].defined() || slot != mutant_.slot.value_or(slot)) continue;
      const Tensor right = call.settled(gradients[slot], slot), wrong = call.settled(altered[slot], slot);
      empty = empty && right.size() == 0;
      zero = zero && norm(right) == 0;
      if (same(right, wrong)) continue;
      changes = true;
      std::vector<double> values = right.to_vector();
      const std::vector<double> others = wrong.to_vector();
      const std::vector<double> noise = normal_like(right, RandomKey(9) / calls_).to_vector();
      for (size_t i = 0; i < values.size(); ++i) values[i] += values[i] == others[i] ? 0 : noise[i];
      gradients[slot] = with_values(right, values);
    }
    changed_ = changed_ || changes;
    if (changes) return;
    reasons_.insert(empty ? "the gradient is empty" : zero ? "the gradient is zero" : mutant_.why_same(call));
  }

  std::string conclude(double change_by_noise) const {
    if (calls_ == 0) return "no gradient reaches the op";
    if (changed_) return change_by_noise == 0 ? "whatever changes meets a derivative of zero" : "";
    return reasons_.contains("") ? "" : fmt::format("{}", fmt::join(reasons_, "; "));
  }

  const Mutant& mutant_;
  int64_t calls_ = 0;
  bool changed_ = false;
  std::set<std::string> reasons_;
};

}  // namespace transformlet::mutants
