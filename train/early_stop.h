// When to end training early: after so many evaluations in a row of which none had a better val/loss than the best
// before them (evaluate.patience). What it has seen goes into checkpoints, so that a resumed run ends at the same step.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace transformlet {

class EarlyStop {
 public:
  // No patience: training never ends early, and nothing is saved.
  explicit EarlyStop(std::optional<int64_t> patience) : patience_(patience) {}

  // An evaluation. Whether it was better than all before.
  bool measure(double val_loss);

  bool is_over() const { return patience_ && evaluations_since_ >= *patience_; }
  std::optional<double> best_val_loss() const { return best_; }
  int64_t evaluations_since() const { return evaluations_since_; }  // the best one

  // To and from the strings of a checkpoint. One that holds none changes nothing. An Error if they make no sense.
  void save(std::map<std::string, std::string>& extra) const;
  void restore(const std::map<std::string, std::string>& extra);

 private:
  std::optional<int64_t> patience_;
  std::optional<double> best_;
  int64_t evaluations_since_ = 0;
};

}  // namespace transformlet
