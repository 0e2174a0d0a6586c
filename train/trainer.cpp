#include "train/trainer.h"

#include <cmath>
#include <iostream>

#include "optim/clip.h"
#include "train/checkpoint.h"
#include "train/divergence.h"
#include "train/restore.h"
#include "train/search_score.h"
#include "train/signals.h"
#include "train/stopwatch.h"

namespace transformlet {
namespace {

std::vector<NamedTensor> named(const Parameters& parameters) {
  std::vector<NamedTensor> result;
  for (const Parameter& parameter : parameters.list()) result.push_back({parameter.value.name(), parameter.value});
  return result;
}

std::string number(double x) { return fmt::format("{}", std::isnan(x) ? std::abs(x) : x); }  // not "-nan"

// Of the test, counts too.
void add_score(Split split, const Score& score, JsonFields& line) {
  const auto add = [&](const char* name, const auto& value) {
    line.push_back({fmt::format("{}/{}", name_of(split), name), value});
  };
  const bool with_counts = split == Split::test;
  add("loss", score.loss());
  if (const auto best = score.best_loss()) add("best_loss", *best);
  if (const auto accuracy = score.accuracy()) {
    add("accuracy", *accuracy);
    if (with_counts) add("correct", score.correct);
  }
  if (with_counts) add("positions", score.positions);
  if (const auto accuracy = score.sequence_accuracy()) {
    add("sequence_accuracy", *accuracy);
    if (with_counts) {
      add("sequences_correct", score.sequences_correct);
      add("sequences", score.sequences);
    }
  }
  if (const auto bits = score.bits_per_byte()) add("bits_per_byte", *bits);
  int64_t number = 0;  // of places at which something is to be predicted, from 1
  for (const PlaceScore& place : score.places) {
    if (place.positions == 0) continue;
    const std::string prefix = fmt::format("place_{}/", ++number);
    const auto count = static_cast<double>(place.positions);
    add((prefix + "loss").c_str(), place.loss_sum / count);
    if (place.best_loss_sum) add((prefix + "best_loss").c_str(), *place.best_loss_sum / count);
  }
}

}  // namespace

void restore_weights(const Checkpoint& checkpoint, const Parameters& parameters) {
  std::vector<NamedTensor> weights = named(parameters);
  restore(checkpoint.weights, weights);
}

void restore_averaged_weights(const Checkpoint& checkpoint, const Parameters& parameters) {
  std::vector<NamedTensor> weights = named(parameters);
  restore(checkpoint.averaged_weights, weights);
}

void restore_judged_weights(const Checkpoint& checkpoint, const Parameters& parameters) {
  checkpoint.averaged_weights.empty() ? restore_weights(checkpoint, parameters)
                                      : restore_averaged_weights(checkpoint, parameters);
}

void restore_training(const Checkpoint& checkpoint, Experiment& experiment) {
  restore_weights(checkpoint, experiment.parameters);
  if (checkpoint.step == 0) return;  // before the first step there is no state: what is imported has none
  std::vector<NamedState> state;
  for (const NamedTensor& tensor : checkpoint.optimizer) state.push_back({tensor.name, tensor.value});
  experiment.optimizer->restore(checkpoint.step, state);
}

Trainer::Trainer(const ExperimentConfig& config, Experiment& experiment, RunFolder& run, const Checkpoint* resumed,
                 std::optional<Window> window)
    : config_(config),
      experiment_(experiment),
      run_(run),
      window_(std::move(window)),
      training_step_(config, experiment),
      probes_(config, experiment, training_step_),
      progress_(resumed == nullptr ? 0 : resumed->step, window_ ? window_->to : config.train.max_steps),
      early_stop_(config.evaluate.patience) {
  if (resumed != nullptr) {
    restore_training(*resumed, experiment_);
    early_stop_.restore(resumed->extra);
    steps_done_ = resumed->step;
    val_loss_ = resumed->val_loss;
    if (!window_) saved_ = resumed->step;  // a window's checkpoints are in a folder of its own
  }
  if (config.train.ema_decay) {
    averages_.emplace(experiment_.parameters, *config.train.ema_decay);
    // A run that kept none so far begins with its present weights.
    if (resumed != nullptr && !resumed->averaged_weights.empty()) averages_->restore(resumed->averaged_weights);
  }
  // Only now: a checkpoint that does not fit must not cost the run a line.
  cut_metrics(run.metrics_path(), resumed == nullptr ? -1 : steps_done_);
  cut_hashes(run.hashes_path(), resumed == nullptr ? -1 : steps_done_);
  metrics_.emplace(run.metrics_path());
  hashes_.emplace(run.hashes_path(), experiment_.parameters);
}

int Trainer::train() {
  hash();
  if (steps_done_ == 0 && saved_ != 0) probe();
  if (steps_done_ == 0 && logs() && config_.checkpoint.is_due(0)) save();
  while (!is_over()) {
    if (const int signal = stop_signal()) {
      if (!window_ && saved_ != steps_done_) save();
      run_.log_event("stopped", {{"step", steps_done_}});
      const std::string how = fmt::format("; go on with: transformlet train --resume {}", run_.path().string());
      progress_.note(fmt::format("stopped after step {}{}", steps_done_, window_ ? "" : how));
      return 128 + signal;
    }
    step();
    measure();
    probe();
    // The test's line comes before the last checkpoint, so that resuming a finished run finds nothing left to do.
    if (is_finished() && steps_done_ < config_.train.max_steps) stop_early();
    if (is_finished() && logs()) test();
    if (is_over() || (logs() && (config_.checkpoint.is_due(steps_done_) || is_best_))) save();
  }
  if (saved_ != steps_done_) save();  // of a window without a step
  run_.log_event("finished", {{"step", steps_done_}});
  return 0;
}

void Trainer::step() {
  Stopwatch stopwatch;
  probes_.before_step(steps_done_);
  newest_ = training_step_(steps_done_);
  if (newest_.diverged()) {
    fail_diverged(fmt::format("at step {} the loss is {} and the gradient's norm {}", steps_done_ + 1,
                              number(newest_.loss), number(newest_.gradient_norm)),
                  first_not_finite_in_step(training_step_, experiment_.parameters, steps_done_));
  }
  ++steps_done_;
  if (averages_) averages_->update(steps_done_);
  hash();

  val_loss_.reset();
  is_best_ = false;
  tokens_ += newest_.tokens;
  ++timed_steps_;
  seconds_ += stopwatch.lap();
}

void Trainer::measure() {
  // Patience counts the evaluations from before the window, too.
  if (window_ && steps_done_ < window_->from && !config_.evaluate.patience) return;
  const bool is_last = steps_done_ == config_.train.max_steps;
  const bool evaluates = config_.task->size(Split::validation) > 0 &&
                         (is_last || (config_.evaluate.every > 0 && steps_done_ % config_.evaluate.every == 0));
  if (!is_last && !evaluates && steps_done_ % config_.train.log_every != 0) return;
  JsonFields line = {
      {"train/loss", newest_.loss}, {"optim/lr", newest_.learning_rate}, {"grad/norm", newest_.gradient_norm}};
  const double tokens_per_second = static_cast<double>(tokens_) / seconds_;
  progress_.step(steps_done_, newest_.loss, newest_.learning_rate, tokens_per_second);
  if (evaluates) {
    const Score score = finite_score(Split::validation);
    val_loss_ = score.loss();
    is_best_ = early_stop_.measure(score.loss()) && config_.checkpoint.keep_best;
    add_score(Split::validation, score, line);
    std::string note = fmt::format("step {}: val/loss {:.5g}{}", steps_done_, score.loss(), best_loss_note(score));
    if (const auto accuracy = score.accuracy()) note += fmt::format(", val/accuracy {:.5g}", *accuracy);
    if (const auto accuracy = score.sequence_accuracy())
      note += fmt::format(", val/sequence_accuracy {:.5g}", *accuracy);
    if (const auto bits = score.bits_per_byte()) note += fmt::format(", val/bits_per_byte {:.5g}", *bits);
    note += search(Split::validation, "greedy", 1, line);
    progress_.note(note);
  }
  line.push_back({"perf/tokens_per_s", tokens_per_second});
  line.push_back({"perf/step_ms", 1e3 * seconds_ / static_cast<double>(timed_steps_)});
  if (logs()) metrics_->log(steps_done_, line);
  seconds_ = 0;
  tokens_ = timed_steps_ = 0;
}

void Trainer::probe() {
  if (!logs()) return;
  const JsonFields line = probes_.measure(steps_done_);
  if (!line.empty()) metrics_->log(steps_done_, line);
}

void Trainer::hash() {
  const StepHashes hashes = hashes_of(experiment_.parameters, steps_done_);
  if (window_) window_->check(hashes);
  hashes_->write(hashes);
}

void Trainer::stop_early() {
  run_.log_event("stopped_early", {{"step", steps_done_}, {"best_val_loss", *early_stop_.best_val_loss()}});
  progress_.note(
      fmt::format("stopped early after step {}: val/loss was {:.5g} at best, {} evaluations ago; "
                  "transformlet evaluate {} --checkpoint best",
                  steps_done_, *early_stop_.best_val_loss(), early_stop_.evaluations_since(), run_.path().string()));
}

Score Trainer::finite_score(Split split) {
  require_finite_weights();
  const AveragedWeights::InPlace averaged(averages_ ? &*averages_ : nullptr);
  const std::vector<int64_t> examples = evaluated_examples(config_, split);
  const Score score = evaluate(*experiment_.model, experiment_.task, split, examples, config_.train.micro_batch_size(),
                               corruption_of(config_));
  if (!std::isfinite(score.loss())) {
    fail_diverged(fmt::format("after step {} {}/loss is {}", steps_done_, name_of(split), number(score.loss())),
                  first_not_finite_in_evaluation(*experiment_.model, experiment_.task, split, examples,
                                                 config_.train.micro_batch_size()));
  }
  return score;
}

std::string Trainer::search(Split split, const char* name, int64_t beam, JsonFields& line) {
  if (config_.task->source_to_target() == nullptr || !allows_search(config_)) return {};
  const AveragedWeights::InPlace averaged(averages_ ? &*averages_ : nullptr);
  const SearchScore score = search_score(*experiment_.model, experiment_.task, split,
                                         evaluated_examples(config_, split), config_.train.micro_batch_size(), beam);
  const std::string prefix = fmt::format("{}/{}_", name_of(split), name);
  line.push_back({prefix + "token_error_rate", score.token_error_rate()});
  line.push_back({prefix + "exact", score.exact()});
  return fmt::format(", {}: {}", name, score.in_words());
}

void Trainer::require_finite_weights() {
  if (std::isfinite(global_norm(experiment_.parameters.tensors()))) return;
  fail_diverged(fmt::format("after step {} some weights are not finite", steps_done_),
                first_weight_not_finite(experiment_.parameters));
}

void Trainer::fail_diverged(const std::string& what, const std::string& first) {
  const std::string message = first.empty() ? what : fmt::format("{}; the first that is not finite is {}", what, first);
  run_.log_event("diverged", {{"step", steps_done_}, {"what", message}});
  const std::string from = saved_ ? fmt::format("the last good checkpoint is {}/checkpoints/step-{}; go on from it",
                                                run_.path().string(), *saved_)
                                  : "there is no checkpoint; begin anew";
  fail("diverged: {}\n{} with a lower learning rate: transformlet train --resume {} optimizer.learning_rate={:.2g}",
       message, from, run_.path().string(), optimizer_keys(config_.optimizer).learning_rate / 3);
}

void Trainer::save() {
  require_finite_weights();
  metrics_->sync();
  hashes_->sync();
  Checkpoint checkpoint;
  checkpoint.step = steps_done_;
  checkpoint.weights = named(experiment_.parameters);
  if (averages_) checkpoint.averaged_weights = averages_->tensors();
  checkpoint.val_loss = val_loss_;
  early_stop_.save(checkpoint.extra);
  for (const NamedState& state : experiment_.optimizer->state())
    checkpoint.optimizer.push_back({state.name, state.value});
  save_checkpoint(run_.path(), checkpoint);
  prune_checkpoints(run_.path(), config_.checkpoint);
  saved_ = steps_done_;
  run_.log_event("saved", {{"step", steps_done_}});
}

void Trainer::test() {
  if (config_.task->size(Split::test) == 0) return;
  const Score score = finite_score(Split::test);
  JsonFields line;
  add_score(Split::test, score, line);
  std::string words =
      fmt::format("test: {}, loss {:.5g}{}", accuracy_in_words(score), score.loss(), best_loss_note(score));
  words += search(Split::test, "greedy", 1, line);
  if (config_.evaluate.beam > 1) words += search(Split::test, "beam", config_.evaluate.beam, line);
  metrics_->log(steps_done_, line);
  std::cout << words << '\n';
}

}  // namespace transformlet
