// The program: arguments in, exit status out. 0 = done, 1 = it ran and failed, 2 = used wrongly, 128 + signal =
// stopped.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <new>

#include "autograd/kernels/blas.h"
#include "base/error.h"
#include "train/command_line.h"
#include "train/commands/commands.h"

namespace transformlet {
namespace {

// How long OpenMP's threads spin at a barrier before they sleep. libgomp's own choice makes a training step six times
// as slow when another process is busy on the same cores; never spinning makes it twice as slow when none is. About
// two microseconds cost nothing on an idle machine, and a factor of 2 on a busy one. libgomp reads this before
// main(), so the program starts itself again; whoever sets one of these variables has the last word.
void start_with_short_spins(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "600", 1);
  execv("/proc/self/exe", argv);  // if that fails, it is merely slower
}

// One line for what is wrong with the arguments, and where to read on.
int refuse(const CLI::App& app, const std::string& message) {
  std::string command = app.get_name();
  for (auto words = app.get_subcommands(); !words.empty(); words = words.front()->get_subcommands()) {
    command += " " + words.front()->get_name();
  }
  std::cerr << fmt::format("{}: {} (see {} --help)\n", command, message, command);
  return 2;
}

// `tokenize` and its own subcommands. What they read into must live until the program has been parsed.
struct TokenizeCommands {
  TokenizeTrainArguments train;
  TokenizeArguments encode, decode;

  void add_to(CLI::App& app, int& status) {
    CLI::App* const tokenize = app.add_subcommand("tokenize", "learn a tokenizer from a text, or use one");
    tokenize->require_subcommand(1);

    CLI::App* const train_app =
        tokenize->add_subcommand("train", "learn a byte pair encoding, as GPT-2's, from a text");
    train_app->add_option("FILE", train.path, "a text, or a folder of texts")->required();
    train_app->add_option("--vocab-size", train.vocab_size, "tokens, of which 256 are the bytes")
        ->required()
        ->check(at_least(256));
    train_app->add_option("--output", train.output, "the tokenizer.json to write")->required();
    train_app->callback([&] { status = tokenize_train_command(train); });

    constexpr const char* tokenizer_help = "bytes, a tokenizer.json, or a folder with one (or encoder.json, vocab.bpe)";
    CLI::App* const encode_app = tokenize->add_subcommand("encode", "print the ids of a text's tokens");
    encode_app->add_option("TOKENIZER", encode.tokenizer, tokenizer_help)->required();
    encode_app->add_option("FILE", encode.path, "a text (default: standard input)");
    encode_app->add_flag("--skip-unknown", encode.skip_unknown, "leave out unknown characters, and count them");
    encode_app->callback([&] { status = tokenize_encode_command(encode); });

    CLI::App* const decode_app = tokenize->add_subcommand("decode", "print the text of ids");
    decode_app->add_option("TOKENIZER", decode.tokenizer, tokenizer_help)->required();
    decode_app->add_option("FILE", decode.path, "ids, with space between (default: standard input)");
    decode_app->callback([&] { status = tokenize_decode_command(decode); });
  }
};

int run(int argc, char** argv) {
  CLI::App app("Trains small transformers from YAML files, proves their gradients, shows how they learn.",
               "transformlet");
  app.set_version_flag("--version", "transformlet " TRANSFORMLET_VERSION);
  app.require_subcommand(0, 1);  // none is an error, too: after words that are no command
  int status = 0;

  TrainArguments train;
  CLI::App* const train_app = app.add_subcommand("train", "train a model: CONFIG [key=value ...], or --resume RUN");
  std::vector<std::string> train_words;
  train_app->add_option("CONFIG", train_words, "a YAML file, then " + std::string(overrides_help));
  train_app->add_option("--resume", train.resume, "go on with this run, from its newest whole checkpoint");
  train_app->add_option("--run", train.run, "the folder for the run (default: runs/<config's name>/<number>)");
  train_app->add_flag("--profile", train.profile, "say at the end where the time went, op by op");
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
  evaluate_app
      ->add_option(
          "RUN", evaluate.words,
          "the folder of a run, or of several, whose probabilities are averaged; then " + std::string(overrides_help))
      ->required();
  evaluate_app->add_option("--checkpoint", evaluate.checkpoint, "newest, best, or a saved step")->capture_default_str();
  evaluate_app->add_option("--weights", evaluate.weights,
                           "averaged or raw (default: averaged where train.ema_decay has made them)");
  evaluate_app
      ->add_option("--dropout-samples", evaluate.dropout_samples,
                   "average so many passes with dropout on; 0: one without it")
      ->capture_default_str()
      ->check(at_least(0));
  evaluate_app->add_option("--json", evaluate.json, "a file to write all numbers to, those of calibration among them");
  evaluate_app->add_option("--split", evaluate.split, "train, val or test")->capture_default_str();
  evaluate_app->callback([&] { status = evaluate_command(evaluate); });

  StudyCommands study;
  study.add_to(app, status);

  DescribeArguments describe;
  CLI::App* const describe_app = app.add_subcommand("describe", "say what a config may hold, or what one config means");
  describe_app->add_option("CONFIG", describe.config, "a YAML file: its values and the model's parameters");
  describe_app->add_option("key=value", describe.overrides, overrides_help);
  describe_app->add_flag("--schema", describe.schema, "print a JSON Schema for editors");
  describe_app->add_flag("--taps", describe.taps, "list the model's activations that can be looked at or replaced");
  describe_app->callback([&] { status = describe_command(describe); });

  GradcheckArguments gradcheck;
  CLI::App* const gradcheck_app =
      app.add_subcommand("gradcheck", "check gradients: of a model and each of its layers, of a layer, or of ops");
  std::vector<std::string> gradcheck_words;
  gradcheck_app->add_option(
      "CONFIG", gradcheck_words,
      "a YAML file of a model or a layer, then keys to set: gradcheck.mode=full gradcheck.order=2");
  gradcheck_app->add_option("--op", gradcheck.op, "check one op of the library instead");
  gradcheck_app->add_flag("--all-ops", gradcheck.all_ops, "check every op of the library instead");
  gradcheck_app->add_option("--json", gradcheck.json, "a file to write everything that was found to");
  gradcheck_app->add_option("--junit", gradcheck.junit,
                            "a file to write a JUnit report to, a test case for each tensor");
  gradcheck_app->callback([&] {
    if (gradcheck.op.empty() && !gradcheck.all_ops && !gradcheck_words.empty()) {
      gradcheck.config = gradcheck_words.front();
      gradcheck_words.erase(gradcheck_words.begin());
    }
    gradcheck.overrides = gradcheck_words;
    status = gradcheck_command(gradcheck);
  });

  FindLrArguments find_lr;
  CLI::App* const find_lr_app =
      app.add_subcommand("find-lr", "suggest a learning rate by steps at ever larger ones; makes no run");
  find_lr_app->add_option("CONFIG", find_lr.config, "a YAML file")->required();
  find_lr_app->add_option("key=value", find_lr.overrides, overrides_help);
  find_lr_app->add_option("--from", find_lr.from, "the learning rate of the first step")->capture_default_str();
  find_lr_app->add_option("--to", find_lr.to, "of the last, unless the loss explodes")->capture_default_str();
  find_lr_app->add_option("--steps", find_lr.steps, "steps at most")->capture_default_str()->check(at_least(20));
  find_lr_app->callback([&] { status = find_lr_command(find_lr); });

  BenchArguments bench;
  CLI::App* const bench_app = app.add_subcommand("bench", "time the training steps of a config; makes no run");
  bench_app->add_option("CONFIG", bench.config, "a YAML file")->required();
  bench_app->add_option("key=value", bench.overrides, overrides_help);
  bench_app->add_option("--steps", bench.steps, "steps to time")->capture_default_str()->check(at_least(1));
  bench_app->add_option("--warm-up", bench.warm_up, "steps before them")->capture_default_str()->check(at_least(3));
  bench_app->add_option("--json", bench.json, "a file to write all numbers to");
  bench_app->add_option("--export", bench.export_folder,
                        "a folder to write the initial weights, and each step's batch and loss to");
  bench_app->add_flag("--profile", bench.profile, "say where the time went, op by op");
  bench_app->callback([&] { status = bench_command(bench); });

  constexpr const char* layout_help = "hf-gpt2, hf-llama or torch-encoder";
  ImportArguments import;
  CLI::App* const import_app = app.add_subcommand("import", "make a run of another program's model");
  import_app
      ->add_option("SOURCE", import.source,
                   "a folder with model.safetensors and config.json, or such a file beside one")
      ->required();
  import_app->add_option("key=value", import.overrides, overrides_help);
  import_app->add_option("--layout", import.layout, layout_help)->required();
  import_app->add_option("--output", import.output, "the folder for the run")->required();
  import_app->callback([&] { status = import_command(import); });

  ExportArguments export_;
  CLI::App* const export_app = app.add_subcommand("export", "write a run's weights as another program's model");
  export_app->add_option("RUN", export_.run, "the folder of a run")->required();
  export_app->add_option("--checkpoint", export_.checkpoint, "newest, best, or a saved step")->capture_default_str();
  export_app->add_option("--layout", export_.layout, layout_help)->required();
  export_app->add_option("--output", export_.output, "the folder to write to")->required();
  export_app->callback([&] { status = export_command(export_); });
  GenerateArguments generate;
  CLI::App* const generate_app =
      app.add_subcommand("generate", "what a run's model writes: after a prompt, or for a source");
  generate_app->add_option("RUN", generate.run, "the folder of a run with the task text or pairs")->required();
  generate_app->add_option("key=value", generate.overrides, overrides_help);
  generate_app
      ->add_option("--prompt", generate.prompts,
                   "what to write on from, or sources; each by itself (default: a new line)")
      ->take_all();
  generate_app->add_option("--max-tokens", generate.max_tokens, "tokens to write")
      ->capture_default_str()
      ->check(at_least(0));
  generate_app->add_option("--temperature", generate.temperature, "0: always the likeliest token")
      ->capture_default_str();
  generate_app->add_option("--top-k", generate.top_k, "draw from the k likeliest tokens; 0: from all")
      ->capture_default_str()
      ->check(at_least(0));
  generate_app->add_option("--top-p", generate.top_p, "draw from the likeliest tokens that have this share together")
      ->capture_default_str();
  generate_app->add_option("--seed", generate.seed, "of what is drawn")->capture_default_str()->check(at_least(0));
  generate_app->add_option("--stop", generate.stop, "end after this text");
  generate_app->add_option("--checkpoint", generate.checkpoint, "newest, best, or a saved step")->capture_default_str();
  generate_app->add_option("--beam", generate.beam, "for a source: hypotheses to keep; 1: greedy")
      ->capture_default_str()
      ->check(at_least(1));
  generate_app->add_flag("--no-cache", generate.no_cache,
                         "read everything again for each token: slower, the same text");
  generate_app->callback([&] { status = generate_command(generate); });

  ReproduceArguments reproduce;
  CLI::App* const reproduce_app =
      app.add_subcommand("reproduce", "train what shows published findings, and judge whether it does");
  reproduce_app->add_option("NAME", reproduce.names, "of findings (default: all)");
  reproduce_app->add_option("--seeds", reproduce.seeds, "runs of each kind (default: as the finding says)")
      ->check(at_least(1));
  reproduce_app->add_option("--folder", reproduce.folder, "where the findings are")->capture_default_str();
  reproduce_app->add_option("--runs", reproduce.runs, "the folder for the runs; those that are there are used")
      ->capture_default_str();
  reproduce_app->add_option("--page", reproduce.page, "the page whose sections are written; empty: none")
      ->capture_default_str();
  reproduce_app->callback([&] { status = reproduce_command(reproduce); });

  TokenizeCommands tokenize;
  tokenize.add_to(app, status);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {
    return app.exit(wish);  // --help and --version
  } catch (const CLI::ParseError& error) {
    return refuse(app, error.what());
  }
  if (app.get_subcommands().empty()) {
    std::vector<std::string> commands;
    for (const CLI::App* const command : app.get_subcommands(nullptr)) commands.push_back(command->get_name());
    return refuse(app, fmt::format("a command is missing, one of {}", fmt::join(commands, ", ")));
  }
  return status;
}

}  // namespace
}  // namespace transformlet

int main(int argc, char** argv) {
  transformlet::start_with_short_spins(argv);
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
