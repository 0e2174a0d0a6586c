// Which checkpoints are saved, and which are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/fields.h"

namespace transformlet {

struct CheckpointConfig {
  std::optional<int64_t> every = 1000;
  bool powers_of_two = false;
  std::optional<int64_t> keep_last = 2;
  bool keep_best = true;

  void describe(Fields& field);

  // Whether a checkpoint is due after `step` steps. Step 0 is the initial state: due with powers_of_two, as the first
  // point of a logarithmic time axis. (That a run saves when it ends or is stopped is the trainer's to do.)
  bool is_due(int64_t step) const;

  // Of the saved steps, in any order, those that need not be kept. `best` is the step with the lowest val/loss.
  std::vector<int64_t> to_delete(std::vector<int64_t> saved, std::optional<int64_t> best) const;
};

}  // namespace transformlet
