#include "train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace transformlet {
namespace {

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string rate(double tokens_per_second) {
  if (tokens_per_second >= 1e6) return fmt::format("{:.2f}M", tokens_per_second / 1e6);
  return fmt::format("{:.0f}k", tokens_per_second / 1e3);
}

bool set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

Progress::Progress(int64_t first_step, int64_t max_steps)
    : terminal_(isatty(STDERR_FILENO) != 0),
      colour_(terminal_ && !set("NO_COLOR")),
      first_step_(first_step),
      max_steps_(max_steps),
      start_(Clock::now()),
      last_(start_) {}

void Progress::step(int64_t step, double loss, double learning_rate, double tokens_per_second) {
  const Clock::time_point now = Clock::now();
  const bool is_last = step == max_steps_;
  if (!is_last && now - last_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10))) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left = elapsed / static_cast<double>(step - first_step_) * static_cast<double>(max_steps_ - step);
  const std::string line = fmt::format("step {}/{}  loss {:.4g}  lr {:.3g}  {} tokens/s  {} left", step, max_steps_,
                                       loss, learning_rate, rate(tokens_per_second), duration(left));
  clear_line();
  fmt::print(stderr, "{}{}{}{}", colour_ ? "\033[2m" : "", line, colour_ ? "\033[0m" : "", terminal_ ? "" : "\n");
  std::fflush(stderr);
  line_shown_ = terminal_;
}

void Progress::note(const std::string& line) {
  clear_line();
  fmt::print(stderr, "{}\n", line);
}

void Progress::clear_line() {
  if (line_shown_) fmt::print(stderr, "\r\033[K");
  line_shown_ = false;
}

}  // namespace transformlet
