#include "autograd/kernels/buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace transformlet {
namespace {

constexpr size_t alignment = 64;

// From here on buffers come from the arena, in whole pages; smaller ones are kept by size, in four classes an octave.
constexpr size_t large = size_t{1} << 17, page = 4096;

size_t size_class(size_t bytes) {
  if (bytes >= large) return (bytes + page - 1) / page * page;
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

// Memory for large buffers, in regions from the system that are cut up as needed; neighbours that are both free become
// one again. So what one phase of a step has used serves the next, whatever the sizes, and the process holds little
// more than what is in use at a time. Pages of a region that were never used cost nothing.
class Arena {
 public:
  // Null: no free piece is large enough.
  void* take(size_t bytes) {
    auto best = free_.end();
    for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
      if (piece->second >= bytes && (best == free_.end() || piece->second < best->second)) best = piece;
    }
    if (best == free_.end()) return nullptr;
    char* const memory = best->first;
    const size_t rest = best->second - bytes;
    free_.erase(best);
    if (rest > 0) free_.emplace(memory + bytes, rest);
    return memory;
  }

  void give(void* memory, size_t bytes) {
    auto piece = free_.emplace(static_cast<char*>(memory), bytes).first;
    const auto next = std::next(piece);
    if (next != free_.end() && piece->first + piece->second == next->first && !regions_.contains(next->first)) {
      piece->second += next->second;
      free_.erase(next);
    }
    if (piece == free_.begin() || regions_.contains(piece->first)) return;
    const auto before = std::prev(piece);
    if (before->first + before->second != piece->first) return;
    before->second += piece->second;
    free_.erase(piece);
  }

  // Asks the system for a region with room for so many bytes.
  bool grow(size_t bytes) {
    const size_t size = (bytes + region_bytes - 1) / region_bytes * region_bytes;
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    madvise(memory, size, MADV_HUGEPAGE);  // a wish: fewer page faults and misses in the address cache
    regions_.emplace(static_cast<char*>(memory), size);
    free_.emplace(static_cast<char*>(memory), size);
    return true;
  }

  // Gives back the regions that nobody uses.
  void release() {
    for (auto region = regions_.begin(); region != regions_.end();) {
      const auto piece = free_.find(region->first);
      if (piece == free_.end() || piece->second != region->second) {
        ++region;
        continue;
      }
      munmap(region->first, region->second);
      free_.erase(piece);
      region = regions_.erase(region);
    }
  }

 private:
  static constexpr size_t region_bytes = size_t{1} << 28;

  std::map<char*, size_t> free_;     // pieces, by address
  std::map<char*, size_t> regions_;  // from the system
};

class Pool {
 public:
  void* take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > physical_memory() - std::min(physical_memory(), static_cast<size_t>(statistics_.live_bytes))) {
      fail_out_of_memory(bytes, statistics_.live_bytes);
    }
    void* memory = recycled(bytes);
    if (memory == nullptr) {
      memory = from_system(bytes);
      if (memory == nullptr) {
        release_all();  // other sizes may be lying idle
        memory = from_system(bytes);
      }
      if (memory == nullptr) fail_out_of_memory(bytes, statistics_.live_bytes);
      ++statistics_.system_allocations;
    }
    count(1, bytes);
    return memory;
  }

  void give(void* memory, size_t bytes) {
    const std::lock_guard lock(mutex_);
    count(-1, bytes);
    if (bytes >= large) return arena_.give(memory, bytes);
    free_[bytes].push_back(memory);
  }

  void release_cached() {
    const std::lock_guard lock(mutex_);
    release_all();
  }

  PoolStatistics statistics() {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  void* recycled(size_t bytes) {
    if (bytes >= large) return arena_.take(bytes);
    const auto found = free_.find(bytes);
    if (found == free_.end() || found->second.empty()) return nullptr;
    void* const memory = found->second.back();
    found->second.pop_back();
    return memory;
  }

  void* from_system(size_t bytes) {
    if (bytes < large) return std::aligned_alloc(alignment, bytes);
    return arena_.grow(bytes) ? arena_.take(bytes) : nullptr;
  }

  void release_all() {
    for (auto& [bytes, memories] : free_) {
      for (void* memory : memories) std::free(memory);
      memories.clear();
    }
    arena_.release();
  }

  void count(int sign, size_t bytes) {
    statistics_.live_buffers += sign;
    statistics_.live_bytes += sign * static_cast<int64_t>(bytes);
    statistics_.peak_live_bytes = std::max(statistics_.peak_live_bytes, statistics_.live_bytes);
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;  // small ones, by size class
  Arena arena_;
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
