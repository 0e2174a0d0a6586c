// From the third step on a training loop takes its memory from the pool, and the pool asks the system for none. The one
// exception is the batch: the ids of its inputs and of its targets are two arrays, new in each step.
#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "autograd/kernels/buffer.h"
#include "tests/train/heap_watch.h"
#include "train/config/reader.h"
#include "train/training_step.h"

namespace {

constexpr size_t large = 4096;
std::atomic<int64_t> large_allocations = 0, live_bytes = 0, peak_bytes = 0, largest_bytes = 0;

void raise(std::atomic<int64_t>& most, int64_t value) {
  for (int64_t before = most; value > before && !most.compare_exchange_weak(before, value);) {
  }
}

void* taken(void* memory, size_t bytes) {
  if (bytes >= large) ++large_allocations;
  raise(largest_bytes, static_cast<int64_t>(bytes));
  if (memory == nullptr) return memory;
  raise(peak_bytes, live_bytes += static_cast<int64_t>(malloc_usable_size(memory)));
  return memory;
}

void given_back(void* memory) {
  live_bytes -= static_cast<int64_t>(malloc_usable_size(memory));  // 0 of nullptr
  std::free(memory);
}

}  // namespace

// Of the whole test program. Not inlined: GCC would take a free() for the wrong end of a new.
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* const memory = taken(std::malloc(bytes == 0 ? 1 : bytes), bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return taken(std::malloc(bytes == 0 ? 1 : bytes), bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { given_back(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { given_back(memory); }

namespace transformlet {

HeapWatch::HeapWatch() : before_(live_bytes) {
  peak_bytes = before_;
  largest_bytes = 0;
}
int64_t HeapWatch::peak() const { return peak_bytes - before_; }
int64_t HeapWatch::largest() const { return largest_bytes; }

}  // namespace transformlet

namespace transformlet {
namespace {

struct Workload {
  const char *name, *config, *batch_size;  // large enough for the ids to count
};

class Allocations : public testing::TestWithParam<Workload> {};

TEST_P(Allocations, StepsLiveOnThePool) {
  ExperimentConfig config =
      read_config_file<ExperimentConfig>(std::string(TRANSFORMLET_SOURCE_DIR "/configs/") + GetParam().config,
                                         {std::string("train.batch_size=") + GetParam().batch_size});
  Experiment experiment(config);
  TrainingStep take_step(config, experiment);
  for (int64_t step = 0; step < 3; ++step) take_step(step);
  const int64_t pool_before = pool_statistics().system_allocations;
  for (int64_t step = 3; step < 10; ++step) {
    const int64_t before = large_allocations;
    take_step(step);
    EXPECT_EQ(large_allocations - before, 2) << "in step " << step;
  }
  EXPECT_EQ(pool_statistics().system_allocations, pool_before);
}

INSTANTIATE_TEST_SUITE_P(Configs, Allocations,
                         testing::Values(Workload{"reverse", "reverse.yaml", "128"},
                                         Workload{"decoder", "bench/char.yaml", "16"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace transformlet
