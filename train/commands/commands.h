// The subcommands of the program. Each returns the exit status: 0 = done, 1 = it ran and failed, 128 + signal =
// stopped. Errors are thrown; main() prints them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace transformlet {

struct TrainArguments {
  std::string config;                  // empty when resuming
  std::string resume;                  // the folder of a run
  std::string run;                     // the folder to make; empty: runs/<config's name>/<number>
  bool profile = false;                // print where the time went
  std::vector<std::string> overrides;  // key=value
};
int train_command(const TrainArguments& arguments);

struct EvaluateArguments {
  std::vector<std::string> words;     // folders of runs, then key=value
  std::string checkpoint = "newest";  // newest, best, or a step
  std::string split = "test";
  std::string weights;          // averaged or raw; empty: averaged where the checkpoint has them
  int64_t dropout_samples = 0;  // 0: without dropout
  std::string json;             // the file to write the numbers to; empty: none
};
int evaluate_command(const EvaluateArguments& arguments);

struct MemoriesArguments {
  std::string run;
  std::string checkpoint = "newest";  // newest, best, or a step
  std::optional<int64_t> layer;       // from 0; none: the last
  int64_t top = 10;                   // units to show
  std::vector<std::string> overrides;
};
int memories_command(const MemoriesArguments& arguments);

struct ReplayArguments {
  std::string run;
  int64_t from = 0, to = -1;  // steps; -1: the last one recorded
  std::string output;         // the folder to make; empty: runs/replay/<number>
  std::vector<std::string> overrides;
};
int replay_command(const ReplayArguments& arguments);

struct BranchArguments {
  std::string run;
  int64_t step = 0;
  std::string output;  // the folder to make; empty: runs/branch/<number>
  std::vector<std::string> overrides;
};
int branch_command(const BranchArguments& arguments);

struct CompareArguments {
  std::string a, b;  // runs
};
// 0: they are equal; 1: they differ; what keeps it from telling is a UsageError.
int compare_command(const CompareArguments& arguments);

struct LandscapeArguments {
  std::vector<std::string> words;  // one or two runs or checkpoints, and key=value
  int64_t points = 21;
  double radius = 1;
  uint64_t seed = 0;
  std::string split = "val";
  std::string output;  // a TSV file to write all points to; empty: none
};
int landscape_command(const LandscapeArguments& arguments);

struct ReportArguments {
  std::vector<std::string> runs;
  std::string output;  // the HTML file to write; empty: report.html in the first run
};
int report_command(const ReportArguments& arguments);

struct DescribeArguments {
  std::string config;  // empty: all keys that there are
  bool schema = false;
  bool taps = false;  // the model's activations instead of its parameters
  std::vector<std::string> overrides;
};
int describe_command(const DescribeArguments& arguments);

struct GradcheckArguments {
  std::string config;  // empty: ops are checked
  std::string op;      // one op of the catalogue
  bool all_ops = false;
  std::string json, junit;  // files to write the results to; empty: none
  std::vector<std::string> overrides;
};
int gradcheck_command(const GradcheckArguments& arguments);

struct FindLrArguments {
  std::string config;
  double from = 1e-6, to = 10;
  int64_t steps = 100;
  std::vector<std::string> overrides;
};
int find_lr_command(const FindLrArguments& arguments);

struct BenchArguments {
  std::string config;
  int64_t steps = 100, warm_up = 10;
  std::string json;           // the file to write the numbers to; empty: none
  std::string export_folder;  // for train/step_export.h; empty: none
  bool profile = false;
  std::vector<std::string> overrides;
};
int bench_command(const BenchArguments& arguments);

struct ImportArguments {
  std::string source;  // a folder with model.safetensors and config.json, or the former
  std::string layout;  // of train/weights/layouts.h
  std::string output;  // the run's folder
  std::vector<std::string> overrides;
};
int import_command(const ImportArguments& arguments);

struct ExportArguments {
  std::string run;
  std::string checkpoint = "newest";  // newest, best, or a step
  std::string layout, output;
};
int export_command(const ExportArguments& arguments);

struct GenerateArguments {
  std::string run;
  std::vector<std::string> prompts, overrides;
  std::string checkpoint = "newest";  // newest, best, or a step
  std::string stop;                   // a text to stop after; empty: none
  int64_t max_tokens = 500, top_k = 0, beam = 1;
  double temperature = 1.0, top_p = 1.0;
  uint64_t seed = 0;
  bool no_cache = false;
};
int generate_command(const GenerateArguments& arguments);

struct ReproduceArguments {
  std::vector<std::string> names;  // empty: all
  std::string folder = "configs/findings", runs = "runs/findings";
  std::string page = "docs/gallery.md";  // empty: none is written
  std::optional<int64_t> seeds;          // none: as the finding says
};
int reproduce_command(const ReproduceArguments& arguments);

struct TokenizeTrainArguments {
  std::string path;  // of a text, or of a folder of texts
  int64_t vocab_size = 0;
  std::string output;
};
int tokenize_train_command(const TokenizeTrainArguments& arguments);

struct TokenizeArguments {
  std::string tokenizer;      // "bytes", or a path (train/tokenizers/tokenizer_file.h)
  std::string path;           // empty: standard input
  bool skip_unknown = false;  // leave out characters that the tokenizer lacks, and say how many
};
int tokenize_encode_command(const TokenizeArguments& arguments);
int tokenize_decode_command(const TokenizeArguments& arguments);

}  // namespace transformlet
