// Room for intermediate results of a kernel, from the recycling pool.
#pragma once

#include "autograd/kernels/buffer.h"
#include "autograd/kernels/level.h"

namespace transformlet::kernels::TRANSFORMLET_LEVEL {

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : buffer_(static_cast<size_t>(count) * sizeof(T)) {}
  T* data() { return static_cast<T*>(buffer_.data); }

 private:
  Buffer buffer_;
};

}  // namespace transformlet::kernels::TRANSFORMLET_LEVEL
