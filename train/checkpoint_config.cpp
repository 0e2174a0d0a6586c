#include "train/checkpoint_config.h"

#include <algorithm>
#include <bit>

namespace transformlet {
namespace {

bool is_power_of_two_or_zero(int64_t step) { return step == 0 || std::has_single_bit(static_cast<uint64_t>(step)); }

}  // namespace

void CheckpointConfig::describe(Fields& field) {
  field("every", every, "steps between two checkpoints; null: only at the end", at_least(1));
  field("powers_of_two", powers_of_two, "also save steps 0, 1, 2, 4, 8 ..., and keep them all");
  field("keep_last", keep_last, "how many of the newest checkpoints to keep; null: all", at_least(1));
  field("keep_best", keep_best, "keep the checkpoint with the lowest val/loss too");
}

bool CheckpointConfig::is_due(int64_t step) const {
  if (powers_of_two && is_power_of_two_or_zero(step)) return true;
  return every && step > 0 && step % *every == 0;
}

std::vector<int64_t> CheckpointConfig::to_delete(std::vector<int64_t> saved, std::optional<int64_t> best) const {
  if (!keep_last) return {};
  std::ranges::sort(saved);
  saved.resize(saved.size() - std::min(saved.size(), static_cast<size_t>(*keep_last)));
  std::erase_if(saved, [&](int64_t step) {
    return (powers_of_two && is_power_of_two_or_zero(step)) || (keep_best && step == best);
  });
  return saved;
}

}  // namespace transformlet
