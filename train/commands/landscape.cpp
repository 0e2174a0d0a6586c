#include "study/landscape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/config/reader.h"
#include "train/durable_file.h"
#include "train/evaluation.h"
#include "train/threads.h"
#include "train/trainer.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// A run, whose newest checkpoint is meant, or a checkpoint's folder in a run.
struct Place {
  explicit Place(const std::string& path) : name(path) {
    const fs::path folder = fs::absolute(fs::path(path) / "").lexically_normal().parent_path();
    if (fs::is_regular_file(folder / "state.json")) {
      run = folder.parent_path().parent_path();
      require_run("landscape", run);
      checkpoint = load_checkpoint(folder);
    } else {
      run = path;
      require_run("landscape", run);
      checkpoint = chosen_checkpoint("landscape", run, "newest");
    }
  }

  std::string words() const { return fmt::format("{} (step {})", name, checkpoint.step); }

  std::string name;
  fs::path run;
  Checkpoint checkpoint;
};

TensorList copies(const Parameters& parameters) {
  TensorList result;
  for (const Tensor& parameter : parameters.tensors()) result.push_back(copy(parameter));
  return result;
}

void write(const std::string& path, const char* header, const std::vector<LandscapePoint>& points, bool plane) {
  std::string text = header;
  for (const auto& [x, y, loss] : points) {
    text += plane ? fmt::format("{}\t{}\t{}\n", x, y, loss) : fmt::format("{}\t{}\n", x, loss);
  }
  replace_file(path, text);
}

void print_line(const std::vector<LandscapePoint>& line) {
  std::cout << fmt::format("{:>8} {:>12} {:>12}\n", "at", "loss", "above");
  const size_t stride = (line.size() - 1 + 9) / 10;  // about ten of them
  for (size_t i = 0; i < line.size(); ++i) {
    if (i % stride != 0 && i + 1 != line.size()) continue;
    const double straight = std::lerp(line.front().loss, line.back().loss, line[i].x);
    std::cout << fmt::format("{:>8.3f} {:>12.6g} {:>12.3g}\n", line[i].x, line[i].loss, line[i].loss - straight);
  }
  const LandscapePoint top = barrier(line);
  std::cout << (top.loss == 0 ? "barrier: 0\n" : fmt::format("barrier: {:.6g}, at {:.3f}\n", top.loss, top.x));
}

void print_plane(const std::vector<LandscapePoint>& plane, size_t points) {
  const size_t stride = std::max<size_t>(1, (points - 1) / 4);  // five of them, where they can be
  std::vector<size_t> shown;
  for (size_t i = (points - 1) / 2 % stride; i < points; i += stride) shown.push_back(i);
  std::cout << fmt::format("{:>8}", "y \\ x");
  for (const size_t column : shown) std::cout << fmt::format(" {:>10.3f}", plane[column].x);
  std::cout << '\n';
  for (const size_t row : shown) {
    std::cout << fmt::format("{:>8.3f}", plane[row * points].y);
    for (const size_t column : shown) std::cout << fmt::format(" {:>10.5g}", plane[row * points + column].loss);
    std::cout << '\n';
  }
  const LandscapePoint lowest = std::ranges::min(plane, {}, &LandscapePoint::loss);
  std::cout << fmt::format("in the middle {:.6g}; lowest {:.6g}, at ({:.3f}, {:.3f})\n", plane[plane.size() / 2].loss,
                           lowest.loss, lowest.x, lowest.y);
}

}  // namespace

int landscape_command(const LandscapeArguments& arguments) {
  std::vector<std::string> places, overrides;
  for (const std::string& word : arguments.words) {
    (word.find('=') != word.npos && !fs::exists(word) ? overrides : places).push_back(word);
  }
  if (places.empty() || places.size() > 2) {
    throw UsageError("landscape: give one run or checkpoint for the plane around it, or two for the line between them");
  }
  if (arguments.points % 2 == 0) {
    throw UsageError(
        fmt::format("landscape: --points must be odd, so that one is in the middle, not {}", arguments.points));
  }
  if (!(arguments.radius > 0 && arguments.radius <= 1e6)) {
    throw UsageError(fmt::format("landscape: --radius must be 0 < radius <= 1e6, not {}", arguments.radius));
  }
  const Split split = split_named("landscape", arguments.split);
  const Place from(places.front());
  const std::optional<Place> to = places.size() == 2 ? std::optional(Place(places.back())) : std::nullopt;
  auto config = read_run_config<ExperimentConfig>(from.run, overrides);
  set_threads(config.train.threads);
  Experiment experiment(config);
  if (experiment.task.size(split) == 0) {
    throw UsageError(fmt::format("landscape: the {} split has no examples", arguments.split));
  }
  const Parameters& parameters = experiment.parameters;
  const std::vector<int64_t> examples = evaluated_examples(config, split);
  const auto loss = [&] {
    return evaluate(*experiment.model, experiment.task, split, examples, config.train.micro_batch_size()).loss();
  };

  if (to) {
    restore_weights(to->checkpoint, parameters);
    const TensorList end = copies(parameters);
    restore_weights(from.checkpoint, parameters);
    const auto line = loss_on_line(parameters, copies(parameters), end, arguments.points, loss);
    if (!arguments.output.empty()) write(arguments.output, "at\tloss\n", line, false);
    std::cout << fmt::format("{}/loss from {} to {}\n", arguments.split, from.words(), to->words());
    print_line(line);
    return 0;
  }
  restore_weights(from.checkpoint, parameters);
  const RandomKey key = RandomKey(arguments.seed) / "landscape";
  const auto plane =
      loss_on_plane(parameters, filter_normalised_direction(parameters, key / 0),
                    filter_normalised_direction(parameters, key / 1), arguments.radius, arguments.points, loss);
  if (!arguments.output.empty()) write(arguments.output, "x\ty\tloss\n", plane, true);
  std::cout << fmt::format("{}/loss around {}\n", arguments.split, from.words());
  print_plane(plane, static_cast<size_t>(arguments.points));
  return 0;
}

}  // namespace transformlet
