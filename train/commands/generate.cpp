// `transformlet generate`: what a run's language model writes after a prompt.
#include "train/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/config/errors.h"
#include "train/config/reader.h"
#include "train/experiment.h"
#include "train/restore.h"
#include "train/search.h"
#include "train/stopwatch.h"
#include "train/threads.h"
#include "train/tokenizers/tokenizer_file.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

std::unique_ptr<Tokenizer> tokenizer_of(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "tokenizer.json";
  if (!std::filesystem::exists(file)) {
    throw UsageError(fmt::format("generate: {} has no tokenizer.json: its task is not one of text", run.string()));
  }
  return read_tokenizer(file);
}

std::vector<int32_t> encoded(const Tokenizer& tokenizer, const std::string& prompt) {
  try {
    return tokenizer.encode(prompt);
  } catch (const EncodingError& error) {
    throw UsageError(fmt::format("generate: the prompt's byte {}: {}", error.at, error.what()));
  }
}

// Writes the prompt and what comes after it, token by token. How many tokens that were.
int64_t write(const Model& model, int64_t max_length, const Tokenizer& tokenizer, const std::string& prompt,
              const GenerationOptions& options, const std::string& stop) {
  std::vector<int32_t> ids = encoded(tokenizer, prompt);
  if (ids.empty()) throw UsageError("generate: the prompt is empty; give at least one character");
  std::cout << prompt << std::flush;
  int64_t count = 0;
  std::string text;  // of the tokens so far
  generate(model, max_length, std::move(ids), options, [&](int32_t token) {
    ++count;
    const std::string_view bytes = tokenizer.bytes(token);
    std::cout << bytes << std::flush;
    text += bytes;
    // The stop text may end anywhere within the new token.
    const size_t from = text.size() - std::min(text.size(), bytes.size() + stop.size());
    return stop.empty() || text.find(stop, from) == text.npos;
  });
  std::cout << '\n';
  return count;
}

// The target that is found for each source, a line each.
void write_targets(const Experiment& experiment, const GenerateArguments& arguments) {
  const SourceToTarget& pairs = *experiment.task.source_to_target();
  const GenerateArguments plain;
  if (arguments.temperature != plain.temperature || arguments.top_k != plain.top_k || arguments.top_p != plain.top_p ||
      !arguments.stop.empty() || arguments.no_cache) {
    throw UsageError("generate: nothing is drawn for a source; of the options on writing only --beam goes with it");
  }
  if (arguments.prompts.empty()) throw UsageError("generate: give a source: --prompt TEXT");
  for (const std::string& prompt : arguments.prompts) {
    std::vector<int32_t> ids;
    try {
      ids = pairs.source_ids(prompt);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("generate: the prompt '{}': {}", shown(prompt), error.what()));
    }
    const auto length = static_cast<int64_t>(ids.size());
    const int64_t longest = experiment.task.sizes().max_length - 1;
    const auto found = search(
        *experiment.model, Tokens(std::move(ids), {1, length}), Mask::none(),
        {.beam = arguments.beam, .max_length = std::min(longest, arguments.max_tokens), .boundary = pairs.boundary()});
    std::cout << pairs.target_text(found.front()) << '\n';
  }
}

}  // namespace

int generate_command(const GenerateArguments& arguments) {
  const std::filesystem::path run = arguments.run;
  require_run("generate", run);
  const GenerationOptions options{
      .sampling = {.temperature = arguments.temperature, .top_k = arguments.top_k, .top_p = arguments.top_p},
      .max_tokens = arguments.max_tokens,
      .seed = arguments.seed,
      .cache = !arguments.no_cache};
  for (const auto& [name, value, most] :
       {std::tuple("temperature", arguments.temperature, 1e6), std::tuple("top-p", arguments.top_p, 1.0)}) {
    if (!(value >= 0 && value <= most)) {
      throw UsageError(fmt::format("generate: --{} must lie between 0 and {}, not {}", name, most, value));
    }
  }
  ExperimentConfig config = read_run_config<ExperimentConfig>(run, arguments.overrides);
  set_threads(config.train.threads);
  const Checkpoint checkpoint = chosen_checkpoint("generate", run, arguments.checkpoint);
  Experiment experiment(config);
  restore_judged_weights(checkpoint, experiment.parameters);
  if (experiment.task.source_to_target() != nullptr) {
    write_targets(experiment, arguments);
    return 0;
  }
  if (arguments.beam != 1) throw UsageError("generate: --beam searches a target for a source, and this task has none");
  const std::unique_ptr<Tokenizer> tokenizer = tokenizer_of(run);
  const std::vector<std::string> prompts =
      arguments.prompts.empty() ? std::vector<std::string>{"\n"} : arguments.prompts;
  Stopwatch stopwatch;
  int64_t count = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (i > 0) std::cout << "---\n";
    count +=
        write(*experiment.model, experiment.task.sizes().max_length, *tokenizer, prompts[i], options, arguments.stop);
  }
  std::cerr << fmt::format("{} tokens at {:.0f} tokens/s\n", count, static_cast<double>(count) / stopwatch.lap());
  return 0;
}

}  // namespace transformlet
