#include <fmt/format.h>

#include <iostream>

#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/evaluation.h"
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

}  // namespace

int evaluate_command(const EvaluateArguments& arguments) {
  const Split split = split_named("evaluate", arguments.split);
  const std::filesystem::path run = arguments.run;
  require_run("evaluate", run);
  ExperimentConfig config = read_run_config<ExperimentConfig>(run, arguments.overrides);
  set_threads(config.train.threads);
  const Checkpoint checkpoint = chosen_checkpoint("evaluate", run, arguments.checkpoint);
  Experiment experiment(config);
  const bool averaged = wants_averages(arguments, checkpoint);
  if (averaged) {
    restore_averaged_weights(checkpoint, experiment.parameters);
  } else {
    restore_weights(checkpoint, experiment.parameters);
  }
  if (experiment.task.size(split) == 0) {
    throw UsageError(fmt::format("evaluate: the {} split has no examples", arguments.split));
  }
  if (const std::string summary = experiment.task.summary(split); !summary.empty()) {
    std::cerr << fmt::format("{}: {}\n", name_of(split), summary);
  }
  const std::vector<int64_t> examples = evaluated_examples(config, split);
  const int64_t batch_size = config.train.micro_batch_size();
  const Score score = evaluate(*experiment.model, experiment.task, split, examples, batch_size);
  const std::optional<double> bits = score.bits_per_byte();
  std::cout << fmt::format("{} at step {}{}: {}, loss {}{}{}\n", name_of(split), checkpoint.step,
                           averaged ? " (averaged weights)" : "", accuracy_in_words(score), score.loss(),
                           best_loss_note(score), bits ? fmt::format(", {} bits per byte", *bits) : "");
  if (experiment.task.source_to_target() == nullptr) return 0;
  const auto print_search = [&](const std::string& name, int64_t beam) {
    const SearchScore found = search_score(*experiment.model, experiment.task, split, examples, batch_size, beam);
    std::cout << fmt::format("{}: {}\n", name, found.in_words());
  };
  print_search("greedy", 1);
  if (config.evaluate.beam > 1) print_search(fmt::format("beam of {}", config.evaluate.beam), config.evaluate.beam);
  return 0;
}

}  // namespace transformlet
