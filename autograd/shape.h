// The shape of a tensor: the sizes of its axes, row-major, at most eight. Empty axes (size 0) are allowed.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.h"

namespace transformlet {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;  // (): a scalar
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span<const int64_t>(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);

  int rank() const { return rank_; }
  int64_t size() const;  // the number of elements
  // Negative axes count from the end: shape[-1] is the last axis.
  int64_t operator[](int axis) const { return sizes_[static_cast<size_t>(resolve(axis))]; }
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }
  bool operator==(const Shape& other) const;

  // The axis counted from the front; an Error if there is no such axis.
  int resolve(int axis) const;
  Shape with(int axis, int64_t size) const;  // the axis replaced
  Shape without(int axis) const;             // the axis removed
  Shape appended(int64_t size) const;        // one more axis at the end
  Shape first(int count) const;              // the leading axes

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "(2, 3)", "(4)", "()"

// NumPy's rule: axes align at the end, and sizes agree or one of them is 1. `op` opens the error message.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

}  // namespace transformlet

template <>
struct fmt::formatter<transformlet::Shape> : fmt::formatter<std::string> {
  auto format(const transformlet::Shape& shape, format_context& context) const {
    return formatter<std::string>::format(to_string(shape), context);
  }
};
