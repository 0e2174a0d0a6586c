#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "study/key_value_memories.h"
#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/config/errors.h"
#include "train/config/reader.h"
#include "train/probes.h"
#include "train/threads.h"
#include "train/tokenizers/tokenizer_file.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

constexpr int64_t triggers_and_promoted = 5, tokens_of_context = 8;

// Texts of tokens where the run has a tokenizer, ids elsewhere.
class TokenNames {
 public:
  explicit TokenNames(const std::filesystem::path& run) {
    const std::filesystem::path file = run / "tokenizer.json";
    if (std::filesystem::exists(file)) tokenizer_ = read_tokenizer(file);
  }

  std::string one(int32_t id) const {
    return tokenizer_ ? "'" + shown(std::string(tokenizer_->bytes(id))) + "'" : std::to_string(id);
  }
  std::string several(const int32_t* begin, const int32_t* end) const {
    if (tokenizer_) return "'" + shown(tokenizer_->decode({begin, end})) + "'";
    return fmt::format("{}", fmt::join(begin, end, " "));
  }

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
};

void print(const Memory& memory, const Batch& examples, const TokenNames& names) {
  std::cout << fmt::format("\nunit {}\n", memory.unit);
  const int64_t length = examples.inputs.shape()[1];
  for (const Memory::Trigger& trigger : memory.triggers) {
    const int32_t* const token = examples.inputs.data() + trigger.token;
    const int64_t before = std::min(trigger.token % length + 1, tokens_of_context);
    const int32_t next = examples.targets[trigger.token];
    std::cout << fmt::format("  triggered {:>8.3f} by {}{}\n", trigger.coefficient,
                             names.several(token + 1 - before, token + 1),
                             next == CrossEntropyOptions().ignored ? "" : ", then " + names.one(next));
  }
  std::vector<std::string> promoted;
  for (const Memory::Promoted& one : memory.promoted) {
    promoted.push_back(fmt::format("{} {:+.3f}", names.one(one.id), one.logit));
  }
  std::cout << fmt::format("  promotes {}\n", fmt::join(promoted, ", "));
}

}  // namespace

int memories_command(const MemoriesArguments& arguments) {
  const std::filesystem::path run = arguments.run;
  require_run("memories", run);
  ExperimentConfig config = read_run_config<ExperimentConfig>(run, arguments.overrides);
  set_threads(config.train.threads);
  const Checkpoint checkpoint = chosen_checkpoint("memories", run, arguments.checkpoint);
  Experiment experiment(config);
  const auto* const decoder = dynamic_cast<const Decoder*>(&experiment.model->inside());
  if (decoder == nullptr) {
    throw UsageError(fmt::format("memories: {} has a model of kind {}; values can be read as classes of a decoder",
                                 run.string(), config.model.name()));
  }
  if (!decoder->blocks.blocks.front().feed_forward) {
    throw UsageError(fmt::format("memories: the model of {} has no feed-forward layers", run.string()));
  }
  const auto blocks = static_cast<int64_t>(decoder->blocks.blocks.size());
  const int64_t layer = arguments.layer.value_or(blocks - 1);
  if (layer >= blocks) {
    throw UsageError(fmt::format("memories: there is no layer {}; there are 0 to {}", layer, blocks - 1));
  }
  restore_judged_weights(checkpoint, experiment.parameters);
  const Batch examples = probe_examples(config);
  std::vector<Memory> memories = key_value_memories(*decoder, examples.model_inputs(), layer, triggers_and_promoted);
  const std::optional<double> agree = agreement(memories, examples.targets);
  std::ranges::stable_sort(memories, std::greater<>(), &Memory::size);
  const auto shown_units = std::min(static_cast<size_t>(arguments.top), memories.size());
  std::cout << fmt::format("{} at step {}: {} of {} units, those that write most on {} examples\n",
                           decoder->blocks.blocks[static_cast<size_t>(layer)].feed_forward->path, checkpoint.step,
                           shown_units, memories.size(), examples.inputs.shape()[0]);
  if (agree) {
    std::cout << fmt::format("{:.1f} % of all units promote most what follows the token that triggers them most\n",
                             100 * *agree);
  }
  const TokenNames names(run);
  for (size_t i = 0; i < shown_units; ++i) print(memories[i], examples, names);
  return 0;
}

}  // namespace transformlet
