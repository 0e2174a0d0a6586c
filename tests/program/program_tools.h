// What the tests of the whole program share: starting the real binary in a folder, with its output caught.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/train/storage_tools.h"

namespace transformlet {

using Arguments = std::vector<std::string>;

// Sanitizers map terabytes of addresses, and slow everything down.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

struct Outcome {
  int status = -1;  // the exit status, or minus the signal that ended it
  std::string out, err;
  double seconds = 0;
  double peak_bytes = 0;  // the most that it had in memory, but no less than this process had when it started it
};

// The program at work in a process of its own. It is killed if nobody waits for it.
class RunningProgram {
 public:
  // Starts `transformlet arguments...` in the folder, waiting passively at OpenMP's barriers. `prepare` is called in
  // the new process before the program starts.
  RunningProgram(const std::filesystem::path& folder, const Arguments& arguments,
                 const std::function<void()>& prepare = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void signal(int number) const;
  Outcome wait();

 private:
  pid_t child_;
  std::filesystem::path out_, err_;
  std::chrono::steady_clock::time_point start_;
};

Outcome run_program(const std::filesystem::path& folder, const Arguments& arguments,
                    const std::function<void()>& prepare = {});

// Whether the condition came true within 20 seconds.
bool becomes_true(const std::function<bool()>& condition);

// A path in the source, and its text.
std::filesystem::path source_path(const std::string& path);

// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);

// metrics.jsonl of a run without what depends on the clock.
std::string metrics_of(const std::filesystem::path& run);

// The files of a run's checkpoints: "step-10/weights.safetensors" -> its bytes.
std::map<std::string, std::string> checkpoints_of(const std::filesystem::path& run);

// Everything that must be the same if two runs are: their metrics, their hashes and all files of their checkpoints.
std::map<std::string, std::string> bits_of(const std::filesystem::path& run);

// Says which files differ, not their bytes.
void expect_equal(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b);

// Trains a config into a run of that name; a failure is one of the test's.
Outcome train_run(const std::filesystem::path& folder, const std::string& config, const std::string& run,
                  const Arguments& overrides = {});

}  // namespace transformlet
