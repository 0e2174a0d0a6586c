// Keys and values of what a model has read already, so that generating reads each token once.
#pragma once

#include <map>
#include <string>

#include "autograd/tensor.h"

namespace transformlet {

// Of all attention layers of one model, by their paths. Takes no part in differentiation.
class KeyValueCache {
 public:
  // For sequences of up to `capacity` tokens.
  explicit KeyValueCache(int64_t capacity) : capacity_(capacity) {}

  int64_t capacity() const { return capacity_; }
  // How many tokens were read before this pass.
  int64_t length() const { return length_; }
  // After a pass over so many tokens, once for all layers. An Error if they don't fit.
  void advance(int64_t tokens);
  void clear() { length_ = 0; }

  struct Entry {
    Tensor keys, values;  // (B, capacity, width): the first rows are filled
  };
  // Puts the keys and values (B, T, width) of a pass behind those of the passes before.
  const Entry& append(const std::string& path, const Tensor& keys, const Tensor& values);

 private:
  int64_t capacity_, length_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace transformlet
