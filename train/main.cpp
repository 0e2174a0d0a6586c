// The program: arguments in, exit status out. 0 = done, 1 = it ran and failed, 2 = used wrongly, 128 + signal =
// stopped.
#include <CLI/CLI.hpp>
#include <iostream>
#include <new>

#include "autograd/kernels/matmul.h"
#include "base/error.h"
#include "train/commands/commands.h"

namespace transformlet {
namespace {

constexpr const char* overrides_help = "keys of the config to set: train.max_steps=100 optimizer.learning_rate=1e-3";

int run(int argc, char** argv) {
  CLI::App app("Trains small transformers from YAML files, proves their gradients, shows how they learn.",
               "transformlet");
  app.set_version_flag("--version", "transformlet " TRANSFORMLET_VERSION);
  app.require_subcommand(1);
  int status = 0;

  TrainArguments train;
  CLI::App* const train_app = app.add_subcommand("train", "train a model: CONFIG [key=value ...], or --resume RUN");
  std::vector<std::string> train_words;
  train_app->add_option("CONFIG", train_words, "a YAML file, then " + std::string(overrides_help));
  train_app->add_option("--resume", train.resume, "go on with this run, from its newest whole checkpoint");
  train_app->add_option("--run", train.run, "the folder for the run (default: runs/<config's name>/<number>)");
  train_app->callback([&] {
    // With --resume there is no config, and all words are overrides.
    if (train.resume.empty() && !train_words.empty()) {
      train.config = train_words.front();
      train_words.erase(train_words.begin());
    }
    train.overrides = train_words;
    status = train_command(train);
  });

  EvaluateArguments evaluate;
  CLI::App* const evaluate_app = app.add_subcommand("evaluate", "evaluate a run's checkpoint on a split");
  evaluate_app->add_option("RUN", evaluate.run, "the folder of a run")->required();
  evaluate_app->add_option("key=value", evaluate.overrides, overrides_help);
  evaluate_app->add_option("--checkpoint", evaluate.checkpoint, "newest, best, or a saved step")->capture_default_str();
  evaluate_app->add_option("--split", evaluate.split, "train, val or test")->capture_default_str();
  evaluate_app->callback([&] { status = evaluate_command(evaluate); });

  DescribeArguments describe;
  CLI::App* const describe_app = app.add_subcommand("describe", "say what a config may hold, or what one config means");
  describe_app->add_option("CONFIG", describe.config, "a YAML file: its values and the model's parameters");
  describe_app->add_option("key=value", describe.overrides, overrides_help);
  describe_app->add_flag("--schema", describe.schema, "print a JSON Schema for editors");
  describe_app->callback([&] { status = describe_command(describe); });

  GradcheckArguments gradcheck;
  CLI::App* const gradcheck_app =
      app.add_subcommand("gradcheck", "check a model's gradients against finite differences, layer by layer");
  gradcheck_app->add_option("CONFIG", gradcheck.config, "a YAML file")->required();
  gradcheck_app->add_option("key=value", gradcheck.overrides, overrides_help);
  gradcheck_app->add_option("--entries", gradcheck.entries, "entries of each tensor to check; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  gradcheck_app->add_option("--batch-size", gradcheck.batch_size, "examples to check on")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  gradcheck_app->callback([&] { status = gradcheck_command(gradcheck); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;  // --help and --version end here as well
  }
  return status;
}

}  // namespace
}  // namespace transformlet

int main(int argc, char** argv) {
  try {
    transformlet::kernels::blas_description();
    return transformlet::run(argc, argv);
  } catch (const transformlet::UsageError& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << "out of memory; a smaller batch, model or length helps\n";
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
  }
  return 1;
}
