#include "train/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

namespace transformlet {

std::function<std::string(const std::string&)> at_least(int64_t least) {
  return [=](const std::string& text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_right = error == std::errc() && end == text.data() + text.size() && value >= least;
    return is_right ? "" : fmt::format("must be an integer of at least {}, not '{}'", least, text);
  };
}

void StudyCommands::add_to(CLI::App& app, int& status) {
  CLI::App* const memories_app =
      app.add_subcommand("memories", "what a decoder's hidden units are triggered by, and what they promote");
  memories_app->add_option("RUN", memories.run, "the folder of a run")->required();
  memories_app->add_option("key=value", memories.overrides, overrides_help);
  memories_app->add_option("--layer", memories.layer, "whose feed-forward layer, from 0 (default: the last)")
      ->check(at_least(0));
  memories_app->add_option("--top", memories.top, "units to show, those that write most")
      ->capture_default_str()
      ->check(at_least(1));
  memories_app->add_option("--checkpoint", memories.checkpoint, "newest, best, or a saved step")->capture_default_str();
  memories_app->callback([this, &status] { status = memories_command(memories); });

  CLI::App* const replay_app =
      app.add_subcommand("replay", "do steps of a run once more, bit for bit, with other probes or evaluations");
  replay_app->add_option("RUN", replay.run, "the folder of a run")->required();
  replay_app->add_option("key=value", replay.overrides, "keys that change no training: probes.norms.every=1");
  replay_app->add_option("--from", replay.from, "measure after this step (0: also the model as it was made)")
      ->capture_default_str()
      ->check(at_least(0));
  replay_app->add_option("--to", replay.to, "the last step (default: the last one recorded)")->check(at_least(1));
  replay_app->add_option("--output", replay.output, "the folder for the new run (default: runs/replay/<number>)");
  replay_app->callback([this, &status] { status = replay_command(replay); });

  CLI::App* const branch_app =
      app.add_subcommand("branch", "go on from a step of a run with other keys, as a run of its own");
  branch_app->add_option("RUN", branch.run, "the folder of a run")->required();
  branch_app->add_option("key=value", branch.overrides, overrides_help);
  branch_app->add_option("--step", branch.step, "the step to go on from")->required()->check(at_least(0));
  branch_app->add_option("--output", branch.output, "the folder for the new run (default: runs/branch/<number>)");
  branch_app->callback([this, &status] { status = branch_command(branch); });

  CLI::App* const compare_app =
      app.add_subcommand("compare", "where two runs part: keys, weights by step and name, metrics");
  compare_app->add_option("RUN", compare.a, "the folder of a run")->required();
  compare_app->add_option("OTHER", compare.b, "that of another one")->required();
  compare_app->footer("Exit status: 0 equal, 1 different, 2 it can't be told.");
  compare_app->callback([this, &status] { status = compare_command(compare); });

  CLI::App* const landscape_app =
      app.add_subcommand("landscape", "the loss on the line between two checkpoints, or on a random plane around one");
  landscape_app
      ->add_option("RUN", landscape.words,
                   "one or two runs or their checkpoints/step-N, then keys of the first one's config: "
                   "evaluate.examples=200")
      ->required();
  landscape_app->add_option("--points", landscape.points, "on the line, or on each side of the plane; odd")
      ->capture_default_str()
      ->check(at_least(3));
  landscape_app->add_option("--radius", landscape.radius, "half a side of the plane, in norms of the weights")
      ->capture_default_str();
  landscape_app->add_option("--seed", landscape.seed, "of the plane's directions")
      ->capture_default_str()
      ->check(at_least(0));
  landscape_app->add_option("--split", landscape.split, "train, val or test")->capture_default_str();
  landscape_app->add_option("--output", landscape.output, "a TSV file to write all points to");
  landscape_app->callback([this, &status] { status = landscape_command(landscape); });

  CLI::App* const report_app =
      app.add_subcommand("report", "write one HTML file of runs: curves, attention, predictions, weights");
  report_app->add_option("RUN", report.runs, "the folders of runs, to be shown side by side")->required();
  report_app->add_option("--output", report.output, "the file to write (default: report.html in the first run)");
  report_app->callback([this, &status] { status = report_command(report); });
}

}  // namespace transformlet
