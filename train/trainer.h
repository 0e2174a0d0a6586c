// The training loop.
#pragma once

#include "train/averaged_weights.h"
#include "train/checkpoint.h"
#include "train/early_stop.h"
#include "train/evaluation.h"
#include "train/metrics.h"
#include "train/probes.h"
#include "train/progress.h"
#include "train/run_folder.h"
#include "train/training_step.h"
#include "train/weight_hashes.h"

namespace transformlet {

// Puts a checkpoint's weights into a model. An Error lists every one that is missing, unknown or of another shape.
void restore_weights(const Checkpoint& checkpoint, const Parameters& parameters);
// The same with the averages that the checkpoint keeps of them.
void restore_averaged_weights(const Checkpoint& checkpoint, const Parameters& parameters);
// The averages where there are any, the weights elsewhere: what a run is judged by.
void restore_judged_weights(const Checkpoint& checkpoint, const Parameters& parameters);
// The same with the optimiser's state.
void restore_training(const Checkpoint& checkpoint, Experiment& experiment);

// Steps of a training that is done again (train/replay.h). Nothing is measured or saved up to step `from`, unless that
// is 0: then all is. The weights of step `to` are saved.
struct Window {
  int64_t from, to;
  std::function<void(const StepHashes&)> check;  // throws if a step is not as it was
};

class Trainer {
 public:
  // Starts at step 0, or goes on from a checkpoint (`resumed`), whose values are put into the model and the optimiser,
  // and to whose step the run's metrics are cut back.
  Trainer(const ExperimentConfig& config, Experiment& experiment, RunFolder& run, const Checkpoint* resumed,
          std::optional<Window> window = {});

  // Trains to the last step, or until val/loss has not become better for too long, evaluates on the test split, and
  // returns 0. Asked to stop by a signal, it saves and returns 128 + the signal. A loss, gradient or weight that is not
  // finite is never saved. It is an Error of two lines: the step and what went wrong first, by name; the newest
  // checkpoint and how to go on from it.
  int train();

  // All steps are done, or those of the window, or val/loss has not become better for too long.
  bool is_over() const { return is_finished() || (window_ && steps_done_ >= window_->to); }

 private:
  bool is_finished() const { return steps_done_ >= config_.train.max_steps || early_stop_.is_over(); }
  // Whether what is measured now belongs into metrics.jsonl, and what is due into a checkpoint.
  bool logs() const { return !window_ || window_->from == 0 || steps_done_ > window_->from; }
  // One step of the optimiser; `steps_done` counts it when it is through.
  void step();
  // The line of metrics.jsonl of this step, if one is due.
  void measure();
  // The line of the probes that are due.
  void probe();
  void stop_early();
  // Writes down what the weights are now; in a window they must be what they were.
  void hash();
  void save();
  // Of the averaged weights, if there are any.
  Score finite_score(Split split);
  // What is written for sources, if that is the task: fields for a line of metrics.jsonl, and words for the terminal.
  std::string search(Split split, const char* name, int64_t beam, JsonFields& line);
  // Weights that a step has made infinite would be found out by the next one's loss: too late for what is between.
  void require_finite_weights();
  // `first` names what went wrong first; empty: nobody knows.
  [[noreturn]] void fail_diverged(const std::string& what, const std::string& first);
  void test();

  const ExperimentConfig& config_;
  Experiment& experiment_;
  RunFolder& run_;
  std::optional<Window> window_;
  TrainingStep training_step_;
  Probes probes_;
  std::optional<AveragedWeights> averages_;
  std::optional<MetricsWriter> metrics_;
  std::optional<HashWriter> hashes_;
  Progress progress_;
  int64_t steps_done_ = 0;
  std::optional<double> val_loss_;  // at steps_done_
  EarlyStop early_stop_;
  bool is_best_ = false;          // val_loss_ is the best so far, and patience asks for that one
  std::optional<int64_t> saved_;  // the step of the newest checkpoint

  StepResult newest_;
  // Since the last line.
  double seconds_ = 0;
  int64_t tokens_ = 0, timed_steps_ = 0;
};

}  // namespace transformlet
