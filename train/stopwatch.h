#pragma once

#include <chrono>
#include <utility>

namespace transformlet {

class Stopwatch {
 public:
  // Seconds since the last lap, or since the start.
  double lap() {
    const auto before = std::exchange(last_, std::chrono::steady_clock::now());
    return std::chrono::duration<double>(last_ - before).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace transformlet
