#include "autograd/shape.h"

#include <algorithm>
#include <limits>

namespace transformlet {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  require(rank_ <= max_rank, "a tensor has at most {} axes, not {}", max_rank, sizes.size());
  int64_t elements = 1;
  for (const int64_t size : sizes) {
    require(size >= 0, "the size of an axis must not be negative, but one is {}", size);
    require(size == 0 || elements <= std::numeric_limits<int64_t>::max() / 16 / size,
            "a tensor of {} axes with sizes up to {} has too many elements to address", rank_,
            *std::max_element(sizes.begin(), sizes.end()));
    elements *= std::max<int64_t>(size, 1);
  }
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

int64_t Shape::size() const {
  int64_t product = 1;
  for (const int64_t size : *this) product *= size;
  return product;
}

bool Shape::operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

int Shape::resolve(int axis) const {
  const int resolved = axis < 0 ? axis + rank_ : axis;
  require(0 <= resolved && resolved < rank_, "axis {} does not exist in a tensor of shape {}", axis, *this);
  return resolved;
}

Shape Shape::with(int axis, int64_t size) const {
  Shape result = *this;
  result.sizes_[static_cast<size_t>(resolve(axis))] = size;
  return result;
}

Shape Shape::without(int axis) const {
  const int removed = resolve(axis);
  Shape result;
  for (int i = 0; i < rank_; ++i) {
    if (i != removed) result.sizes_[static_cast<size_t>(result.rank_++)] = sizes_[static_cast<size_t>(i)];
  }
  return result;
}

Shape Shape::appended(int64_t size) const {
  require(rank_ < max_rank, "a tensor has at most {} axes: {} can't take one more", max_rank, *this);
  Shape result = *this;
  result.sizes_[static_cast<size_t>(result.rank_++)] = size;
  return result;
}

Shape Shape::first(int count) const { return Shape(std::span<const int64_t>(begin(), static_cast<size_t>(count))); }

std::string to_string(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int axis = 1; axis <= std::min(a.rank(), b.rank()); ++axis) {
    const int64_t left = a[-axis], right = b[-axis];
    require(left == right || left == 1 || right == 1, "{}: shapes {} and {} don't broadcast: {} against {}", op, a, b,
            left, right);
    result = result.with(-axis, left == 1 ? right : left);
  }
  return result;
}

}  // namespace transformlet
