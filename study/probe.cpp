#include "study/probe.h"

#include <algorithm>
#include <bit>

namespace transformlet {

void Cadence::describe(Fields& field) {
  field("every", every, "steps from one measurement to the next, from step 0; 0: none", between(0, 1000000000));
  field("steps", steps, "measure after each of these steps, too", at_least(0));
  field("also", also,
        "measure after 0, 1, 2, 4, 8 ... steps, too; or, as Pythia's checkpoints are (Biderman et al. 2023), after 0, "
        "1, 2, 4 ... 512 and every 1000",
        one_of({"none", "powers_of_two", "pythia"}));
  field.check([&] { return every > 0 || !steps.empty() || also != "none"; }, {"every", "steps", "also"},
              "when is it to measure? give every, steps or also");
}

bool Cadence::is_due(int64_t step) const {
  if (every > 0 && step % every == 0) return true;
  if (std::ranges::count(steps, step) > 0) return true;
  const bool is_power = step == 0 || std::has_single_bit(static_cast<uint64_t>(step));
  if (also == "powers_of_two") return is_power;
  return also == "pythia" && ((is_power && step <= 512) || step % 1000 == 0);
}

}  // namespace transformlet
