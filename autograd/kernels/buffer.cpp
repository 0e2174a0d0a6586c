#include "autograd/kernels/buffer.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace transformlet {
namespace {

constexpr size_t alignment = 64;

// Four size classes an octave: at most a quarter of a buffer is wasted, and few classes stay half used.
size_t size_class(size_t bytes) {
  if (bytes <= 4 * alignment) return (bytes + alignment - 1) / alignment * alignment;
  const size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

// Of the machine, in bytes. The system hands out more than there is, and kills the process when it is used.
size_t physical_memory() {
  static const size_t bytes =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
  return bytes;
}

[[noreturn]] void fail_out_of_memory(size_t wanted, int64_t used) {
  fail("out of memory: {:.1f} MB were asked for while {:.1f} MB are in use; a smaller batch, model or length helps",
       static_cast<double>(wanted) / 1e6, static_cast<double>(used) / 1e6);
}

class Pool {
 public:
  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (bytes > physical_memory() - std::min(physical_memory(), static_cast<size_t>(statistics_.live_bytes))) {
        fail_out_of_memory(bytes, statistics_.live_bytes);
      }
      count(1, bytes);
      if (auto found = free_.find(bytes); found != free_.end() && !found->second.empty()) {
        void* memory = found->second.back();
        found->second.pop_back();
        statistics_.cached_bytes -= static_cast<int64_t>(bytes);
        return memory;
      }
      ++statistics_.system_allocations;
    }
    if (void* memory = std::aligned_alloc(alignment, bytes)) return memory;
    release_cached();  // other sizes may be lying idle
    if (void* memory = std::aligned_alloc(alignment, bytes)) return memory;
    const std::lock_guard lock(mutex_);
    count(-1, bytes);
    fail_out_of_memory(bytes, statistics_.live_bytes);
  }

  void give(void* memory, size_t bytes) {
    const std::lock_guard lock(mutex_);
    count(-1, bytes);
    free_[bytes].push_back(memory);
    statistics_.cached_bytes += static_cast<int64_t>(bytes);
  }

  void release_cached() {
    const std::lock_guard lock(mutex_);
    for (auto& [bytes, memories] : free_) {
      for (void* memory : memories) std::free(memory);
      memories.clear();
    }
    statistics_.cached_bytes = 0;
  }

  PoolStatistics statistics() {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  void count(int sign, size_t bytes) {
    statistics_.live_buffers += sign;
    statistics_.live_bytes += sign * static_cast<int64_t>(bytes);
    statistics_.peak_live_bytes = std::max(statistics_.peak_live_bytes, statistics_.live_bytes);
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;  // by size class
  PoolStatistics statistics_;
};

// Never destroyed: tensors in static storage may outlive any order of destruction.
Pool& pool() {
  static Pool* const the_pool = new Pool;
  return *the_pool;
}

}  // namespace

Buffer::Buffer(size_t bytes) : capacity(size_class(std::max(bytes, alignment))) { data = pool().take(capacity); }
Buffer::~Buffer() { pool().give(data, capacity); }

PoolStatistics pool_statistics() { return pool().statistics(); }
void release_cached_memory() { pool().release_cached(); }

}  // namespace transformlet
