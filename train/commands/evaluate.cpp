#include <fmt/format.h>

#include <fcntl.h>

#include <iostream>

#include "study/ensemble.h"
#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/durable_file.h"
#include "train/evaluation.h"
#include "train/json_text.h"
#include "train/search_score.h"
#include "train/threads.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

bool wants_averages(const EvaluateArguments& arguments, const Checkpoint& checkpoint) {
  const bool has_averages = !checkpoint.averaged_weights.empty();
  if (arguments.weights.empty()) return has_averages;
  if (arguments.weights != "averaged" && arguments.weights != "raw") {
    throw UsageError(fmt::format("evaluate: there are no weights '{}'; there are averaged and raw", arguments.weights));
  }
  if (arguments.weights == "averaged" && !has_averages) {
    throw UsageError(
        fmt::format("evaluate: the checkpoint of step {} has no averaged weights; train.ema_decay asks for "
                    "them",
                    checkpoint.step));
  }
  return arguments.weights == "averaged";
}

// One of the runs, with its model.
struct Member {
  Member(const EvaluateArguments& arguments, const std::string& run, const std::vector<std::string>& overrides)
      : config(read_run_config<ExperimentConfig>(run, overrides)),
        checkpoint(chosen_checkpoint("evaluate", run, arguments.checkpoint)),
        experiment(config),
        averaged(wants_averages(arguments, checkpoint)) {
    if (averaged) {
      restore_averaged_weights(checkpoint, experiment.parameters);
    } else {
      restore_weights(checkpoint, experiment.parameters);
    }
  }

  ExperimentConfig config;
  Checkpoint checkpoint;
  Experiment experiment;
  bool averaged;
};

// All runs are asked the first one's questions.
void require_same_sizes(const Member& first, const Member& other, const std::string& run) {
  const ModelSizes a = first.experiment.task.sizes(), b = other.experiment.task.sizes();
  if (a.vocab_size == b.vocab_size && a.classes == b.classes && a.source_vocab_size == b.source_vocab_size &&
      a.features == b.features && a.whole_sequences == b.whole_sequences) {
    return;
  }
  throw UsageError(fmt::format("evaluate: {} has another task than the first run: {} ids and {} classes, not {} and {}",
                               run, b.vocab_size, b.classes, a.vocab_size, a.classes));
}

JsonFields fields_of(const Score& score, const Calibration& calibration) {
  JsonFields fields = {{"loss", score.loss()}, {"positions", score.positions}};
  if (const auto accuracy = score.accuracy()) fields.push_back({"accuracy", *accuracy});
  if (const auto accuracy = score.sequence_accuracy()) fields.push_back({"sequence_accuracy", *accuracy});
  if (const auto best = score.best_loss()) fields.push_back({"best_loss", *best});
  if (const auto bits = score.bits_per_byte()) fields.push_back({"bits_per_byte", *bits});
  if (calibration.total().count == 0) return fields;
  fields.push_back({"calibration_error", calibration.expected_error()});
  for (size_t i = 0; i < calibration.bins.size(); ++i) {
    const Calibration::Bin& bin = calibration.bins[i];
    if (bin.count == 0) continue;
    const std::string prefix = fmt::format("calibration/{}/", i);
    fields.push_back({prefix + "count", bin.count});
    fields.push_back({prefix + "confidence", bin.confidence()});
    fields.push_back({prefix + "accuracy", bin.accuracy()});
  }
  return fields;
}

}  // namespace

int evaluate_command(const EvaluateArguments& arguments) {
  const Split split = split_named("evaluate", arguments.split);
  std::vector<std::string> runs, overrides;
  for (const std::string& word : arguments.words) {
    const bool is_override = word.find('=') != word.npos && !std::filesystem::is_directory(word);
    (is_override || !overrides.empty() ? overrides : runs).push_back(word);
  }
  if (runs.empty()) throw UsageError("evaluate: give the folder of a run before the keys to set");
  for (const std::string& run : runs) require_run("evaluate", run);
  std::vector<std::unique_ptr<Member>> members;
  std::vector<std::unique_ptr<Model>> wrapped;  // with dropout on, if that is asked for
  std::vector<const Model*> models;
  for (const std::string& run : runs) {
    if (members.empty()) set_threads(read_run_config<ExperimentConfig>(run, overrides).train.threads);
    members.push_back(std::make_unique<Member>(arguments, run, overrides));
    const Member& member = *members.back();
    require_same_sizes(*members.front(), member, run);
    models.push_back(member.experiment.model.get());
    if (arguments.dropout_samples == 0) continue;
    const RandomKey key = RandomKey(member.config.seed_value()) / "dropout samples";
    wrapped.push_back(std::make_unique<DropoutSamples>(*models.back(), arguments.dropout_samples, key));
    models.back() = wrapped.back().get();
  }
  const Member& first = *members.front();
  const ExperimentConfig& config = first.config;
  const Task& task = first.experiment.task;
  if (task.size(split) == 0) {
    throw UsageError(fmt::format("evaluate: the {} split has no examples", arguments.split));
  }
  if (models.size() * static_cast<size_t>(1 + arguments.dropout_samples) > 1 && task.sizes().features > 0) {
    throw UsageError("evaluate: this task's outputs are no probabilities, and those are what is averaged");
  }
  std::optional<OutputFile> json;
  if (!arguments.json.empty()) json.emplace(arguments.json, O_WRONLY | O_CREAT | O_TRUNC);
  if (const std::string summary = task.summary(split); !summary.empty()) {
    std::cerr << fmt::format("{}: {}\n", name_of(split), summary);
  }
  const Ensemble ensemble(models);
  const Model& model = models.size() == 1 ? *models.front() : ensemble;
  const std::vector<int64_t> examples = evaluated_examples(config, split);
  const int64_t batch_size = config.train.micro_batch_size();
  Calibration calibration;
  const Score score = evaluate(model, task, split, examples, batch_size, corruption_of(config), &calibration);
  const std::optional<double> bits = score.bits_per_byte();
  const std::string who =
      models.size() == 1 ? fmt::format("at step {}", first.checkpoint.step) : fmt::format("by {} runs", models.size());
  const std::string how =
      arguments.dropout_samples > 0 ? fmt::format(" ({} dropout samples)", arguments.dropout_samples) : "";
  std::cout << fmt::format("{} {}{}{}: {}, loss {}{}{}\n", name_of(split), who,
                           first.averaged ? " (averaged weights)" : "", how, accuracy_in_words(score), score.loss(),
                           best_loss_note(score), bits ? fmt::format(", {} bits per byte", *bits) : "");
  if (json) json->write(json_lines(fields_of(score, calibration)));
  const bool is_plain = models.size() == 1 && arguments.dropout_samples == 0;
  if (task.source_to_target() == nullptr || !is_plain || !allows_search(config)) return 0;
  const auto print_search = [&](const std::string& name, int64_t beam) {
    const SearchScore found = search_score(model, task, split, examples, batch_size, beam);
    std::cout << fmt::format("{}: {}\n", name, found.in_words());
  };
  print_search("greedy", 1);
  if (config.evaluate.beam > 1) print_search(fmt::format("beam of {}", config.evaluate.beam), config.evaluate.beam);
  return 0;
}

}  // namespace transformlet
