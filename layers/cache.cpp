#include "layers/cache.h"

#include <algorithm>

namespace transformlet {
namespace {

// Copies x (B, T, width) into the rows [first, first + T) of a table (B, capacity, width).
void write_rows(const Tensor& x, Tensor& table, int64_t first) {
  const int64_t tokens = x.dim(1), width = x.dim(2), capacity = table.dim(1);
  with_dtype(x.dtype(), [&]<class T>() {
    for (int64_t sample = 0; sample < x.dim(0); ++sample) {
      const T* const from = x.data<T>() + sample * tokens * width;
      std::copy(from, from + tokens * width, table.data<T>() + (sample * capacity + first) * width);
    }
  });
}

}  // namespace

void KeyValueCache::advance(int64_t tokens) {
  require(length_ + tokens <= capacity_, "cache: {} tokens don't fit behind {} of {}", tokens, length_, capacity_);
  length_ += tokens;
}

const KeyValueCache::Entry& KeyValueCache::append(const std::string& path, const Tensor& keys, const Tensor& values) {
  require(length_ + keys.dim(1) <= capacity_, "cache: {} tokens don't fit behind {} of {}", keys.dim(1), length_,
          capacity_);
  Entry& entry = entries_[path];
  if (length_ == 0) {
    entry.keys = zeros({keys.dim(0), capacity_, keys.dim(2)}, keys.dtype());
    entry.values = zeros({values.dim(0), capacity_, values.dim(2)}, values.dtype());
  }
  require(entry.keys.dim(0) == keys.dim(0), "cache: a batch of {} follows one of {}", keys.dim(0), entry.keys.dim(0));
  write_rows(keys, entry.keys, length_);
  write_rows(values, entry.values, length_);
  return entry;
}

}  // namespace transformlet
