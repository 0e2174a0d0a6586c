// What a person sees of a run while it trains, on stderr: on a terminal one line that is written over, elsewhere a
// plain line now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace transformlet {

class Progress {
 public:
  Progress(int64_t first_step, int64_t max_steps);

  // After a step that was logged. Writes at most ten times a second on a terminal, every ten seconds elsewhere.
  void step(int64_t step, double loss, double learning_rate, double tokens_per_second);
  // A line that stays: an evaluation, a warning.
  void note(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;

  void clear_line();

  bool terminal_, colour_;
  int64_t first_step_, max_steps_;
  Clock::time_point start_, last_;
  bool line_shown_ = false;
};

}  // namespace transformlet
