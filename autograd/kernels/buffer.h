// Memory for tensors: 64-byte aligned, and recycled, because a fresh page costs ten times what a reused one does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace transformlet {

struct Buffer {
  void* data = nullptr;
  size_t capacity = 0;                // bytes, rounded up to the size class
  std::atomic<uint64_t> version = 0;  // raised by every write after the first

  explicit Buffer(size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

using BufferPointer = std::shared_ptr<Buffer>;

struct PoolStatistics {
  int64_t live_buffers = 0;        // handed out now
  int64_t live_bytes = 0;          // in them
  int64_t peak_live_bytes = 0;     // the most that was ever handed out at a time
  int64_t system_allocations = 0;  // how often the system was asked for memory
};

PoolStatistics pool_statistics();

// Gives the cached memory back to the system.
void release_cached_memory();

}  // namespace transformlet
