#include "tests/program/program_tools.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <sstream>
#include <thread>

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// Runs sync what they save. On a disk that others write to, waiting for that would take most of the tests' time; in
// memory it takes none. TMPDIR says otherwise.
[[maybe_unused]] const bool folders_are_in_memory =
    access("/dev/shm", W_OK) == 0 && setenv("TMPDIR", "/dev/shm", /*overwrite=*/0) == 0;

// Where a program's output is caught: outside of the folder that it works in, which tests look at.
const TemporaryFolder& folder_of_outputs() {
  static const TemporaryFolder folder;
  return folder;
}

void redirect(int descriptor, const fs::path& path, int flags) {
  const int file = open(path.c_str(), flags, 0666);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(98);
}

std::string without_timings(std::string line) {
  for (size_t start; (start = line.find(", \"perf/")) != std::string::npos;) {
    line.erase(start, line.find_first_of(",}", start + 1) - start);
  }
  return line;
}

}  // namespace

RunningProgram::RunningProgram(const fs::path& folder, const Arguments& arguments,
                               const std::function<void()>& prepare) {
  static std::atomic<int> counter = 0;
  const int number = counter++;
  out_ = folder_of_outputs().path / fmt::format("{}.out", number);
  err_ = folder_of_outputs().path / fmt::format("{}.err", number);
  std::vector<const char*> argv = {TRANSFORMLET_PROGRAM};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  start_ = std::chrono::steady_clock::now();
  child_ = start_child([&] {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    unsetenv("OMP_NUM_THREADS");
    redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    redirect(STDOUT_FILENO, out_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    redirect(STDERR_FILENO, err_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    fs::current_path(folder);
    if (prepare) prepare();
    execv(argv[0], const_cast<char* const*>(argv.data()));
    return 97;
  });
}

RunningProgram::~RunningProgram() {
  if (child_ < 0) return;
  signal(SIGKILL);
  wait_for(child_);
}

void RunningProgram::signal(int number) const {
  if (child_ > 0) kill(child_, number);
}

Outcome RunningProgram::wait() {
  Outcome outcome;
  int status = 0;
  rusage used{};
  while (wait4(child_, &status, 0, &used) < 0 && errno == EINTR) {
  }
  child_ = -1;
  outcome.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  outcome.peak_bytes = 1024.0 * static_cast<double>(used.ru_maxrss);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  outcome.out = bytes_of_file(out_);
  outcome.err = bytes_of_file(err_);
  return outcome;
}

Outcome run_program(const fs::path& folder, const Arguments& arguments, const std::function<void()>& prepare) {
  return RunningProgram(folder, arguments, prepare).wait();
}

bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 10000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

fs::path source_path(const std::string& path) { return fs::path(TRANSFORMLET_SOURCE_DIR) / path; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string metrics_of(const fs::path& run) {
  std::string text;
  for (const std::string& line : lines_of(bytes_of_file(run / "metrics.jsonl"))) text += without_timings(line) + "\n";
  return text;
}

std::map<std::string, std::string> checkpoints_of(const fs::path& run) {
  std::map<std::string, std::string> files;
  const fs::path checkpoints = run / "checkpoints";
  if (!fs::exists(checkpoints)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(checkpoints)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(checkpoints).string()] = bytes_of_file(entry.path());
  }
  return files;
}

std::map<std::string, std::string> bits_of(const fs::path& run) {
  std::map<std::string, std::string> bits = checkpoints_of(run);
  bits["metrics.jsonl"] = metrics_of(run);
  bits["weights.hashes"] = bytes_of_file(run / "weights.hashes");
  return bits;
}

void expect_equal(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, bytes] : a) EXPECT_TRUE(b.contains(name) && b.at(name) == bytes) << name << " differs";
}

Outcome train_run(const std::filesystem::path& folder, const std::string& config, const std::string& run,
                  const Arguments& overrides) {
  Arguments arguments = {"train", config, "--run", run};
  arguments.insert(arguments.end(), overrides.begin(), overrides.end());
  const Outcome outcome = run_program(folder, arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome;
}

}  // namespace transformlet
