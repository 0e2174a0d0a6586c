// How much memory a piece of code takes by operator new. Tensors' buffers come from the pool (pool_statistics()).
#pragma once

#include <cstdint>

namespace transformlet {

// One at a time.
class HeapWatch {
 public:
  HeapWatch();
  // The most bytes that were in use at a time since then, beyond those before. (tests/train/allocations_test.cpp)
  int64_t peak() const;
  // The most bytes that were asked for at once since then.
  int64_t largest() const;

 private:
  int64_t before_;
};

}  // namespace transformlet
