#include "autograd/kernels/level.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/error.h"

namespace transformlet::kernels {
namespace {

Level chosen_level() {
  const std::vector<Level> available = available_levels();
  const char* const wanted = std::getenv("TRANSFORMLET_INSTRUCTION_SET");
  if (wanted == nullptr || *wanted == '\0') return available.back();
  std::string names;
  for (const Level candidate : available) {
    if (name_of(candidate) == wanted) return candidate;
    names += (names.empty() ? "" : ", ") + name_of(candidate);
  }
  throw UsageError(
      fmt::format("TRANSFORMLET_INSTRUCTION_SET is '{}', but this machine and this build have {}", wanted, names));
}

std::atomic<Level>& current() {
  static std::atomic<Level> level = chosen_level();
  return level;
}

}  // namespace

Level level() { return current().load(std::memory_order_relaxed); }

std::string name_of(Level level) {
  return level == Level::avx512 ? "avx512" : level == Level::avx2 ? "avx2" : "baseline";
}

std::vector<Level> available_levels() {
  std::vector<Level> levels = {Level::baseline};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back(Level::avx2);
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back(Level::avx512);
#endif
  return levels;
}

void use_level(Level wanted) {
  const std::vector<Level> available = available_levels();
  require(std::find(available.begin(), available.end(), wanted) != available.end(),
          "this machine does not have the instruction set {}", name_of(wanted));
  current() = wanted;
}

}  // namespace transformlet::kernels
