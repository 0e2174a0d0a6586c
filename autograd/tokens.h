// Integer ids (tokens, classes, rows of a table): not tensors, because nothing is differentiated with respect to them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/shape.h"

namespace transformlet {

class Tokens {
 public:
  Tokens() : Tokens({}, Shape{0}) {}
  Tokens(std::vector<int32_t> ids, const Shape& shape)
      : ids_(std::make_shared<const std::vector<int32_t>>(std::move(ids))), shape_(shape) {
    require(static_cast<int64_t>(ids_->size()) == shape.size(), "Tokens: {} ids don't fill shape {}", ids_->size(),
            shape);
  }

  const Shape& shape() const { return shape_; }
  int64_t size() const { return static_cast<int64_t>(ids_->size()); }
  const int32_t* data() const { return ids_->data(); }
  int32_t operator[](int64_t i) const { return (*ids_)[static_cast<size_t>(i)]; }
  const std::vector<int32_t>& ids() const { return *ids_; }
  Tokens reshaped(const Shape& shape) const {
    Tokens result = *this;
    require(shape.size() == size(), "Tokens: {} ids don't fill shape {}", size(), shape);
    result.shape_ = shape;
    return result;
  }
  // Those at [begin, end) of the first axis.
  Tokens samples(int64_t begin, int64_t end) const {
    require(0 <= begin && begin <= end && end <= shape_[0], "Tokens: [{}, {}) is no range of the first axis of {}",
            begin, end, shape_);
    const int64_t each = shape_[0] == 0 ? 0 : size() / shape_[0];
    return {std::vector<int32_t>(ids_->begin() + begin * each, ids_->begin() + end * each),
            shape_.with(0, end - begin)};
  }

 private:
  std::shared_ptr<const std::vector<int32_t>> ids_;
  Shape shape_;
};

}  // namespace transformlet
