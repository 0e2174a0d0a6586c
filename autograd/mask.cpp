#include "autograd/mask.h"

#include <algorithm>

namespace transformlet {
namespace {

// Where (b, h, i, j) lies in a mask of four axes, some of size 1.
size_t dense_index(const Shape& shape, int64_t b, int64_t h, int64_t i, int64_t j) {
  const int64_t at[] = {b, h, i, j};
  int64_t index = 0;
  for (int axis = 0; axis < 4; ++axis) index = index * shape[axis] + (shape[axis] == 1 ? 0 : at[axis]);
  return static_cast<size_t>(index);
}

}  // namespace

Mask Mask::causal(int64_t query_offset) {
  require(query_offset >= 0, "Mask::causal: the query offset {} must not be negative", query_offset);
  Mask mask;
  mask.causal_ = true;
  mask.query_offset_ = query_offset;
  return mask;
}

Mask Mask::sliding_window(int64_t window, int64_t query_offset) {
  require(window >= 1, "Mask::sliding_window: the window {} must be at least 1", window);
  Mask mask = causal(query_offset);
  mask.window_ = window;
  return mask;
}

Mask Mask::padding(std::vector<int64_t> lengths) {
  for (const int64_t length : lengths) {
    require(length >= 0, "Mask::padding: a length of {} must not be negative", length);
  }
  Mask mask;
  mask.lengths_ = std::make_shared<const std::vector<int64_t>>(std::move(lengths));
  return mask;
}

Mask Mask::dense(std::vector<uint8_t> may_attend, const Shape& shape) {
  require(2 <= shape.rank() && shape.rank() <= 4,
          "Mask::dense: shape {} must be (queries, keys), (batch, queries, keys) or (batch, heads, queries, keys)",
          shape);
  require(static_cast<int64_t>(may_attend.size()) == shape.size(), "Mask::dense: {} entries don't fill shape {}",
          may_attend.size(), shape);
  Mask mask;
  mask.dense_ = std::make_shared<const std::vector<uint8_t>>(std::move(may_attend));
  mask.dense_shape_ = {shape.rank() >= 3 ? shape[0] : 1, shape.rank() == 4 ? shape[1] : 1, shape[-2], shape[-1]};
  return mask;
}

Mask operator&(const Mask& a, const Mask& b) {
  Mask result = a;
  if (b.causal_) {
    require(!a.causal_ || a.query_offset_ == b.query_offset_,
            "Mask: query offsets {} and {} of two causal masks differ", a.query_offset_, b.query_offset_);
    result.causal_ = true;
    result.query_offset_ = b.query_offset_;
    if (b.window_ > 0) result.window_ = a.window_ > 0 ? std::min(a.window_, b.window_) : b.window_;
  }
  if (b.lengths_ != nullptr) {
    result.lengths_ = b.lengths_;
    if (a.lengths_ != nullptr) {
      require(a.lengths_->size() == b.lengths_->size(), "Mask: {} and {} lengths of two padding masks differ in number",
              a.lengths_->size(), b.lengths_->size());
      std::vector<int64_t> shorter(a.lengths_->size());
      std::transform(a.lengths_->begin(), a.lengths_->end(), b.lengths_->begin(), shorter.begin(),
                     [](int64_t x, int64_t y) { return std::min(x, y); });
      result.lengths_ = std::make_shared<const std::vector<int64_t>>(std::move(shorter));
    }
  }
  if (b.dense_ != nullptr) {
    result.dense_ = b.dense_;
    result.dense_shape_ = b.dense_shape_;
    if (a.dense_ != nullptr) {
      const Shape shape = broadcast_shapes("Mask", a.dense_shape_, b.dense_shape_);
      std::vector<uint8_t> both;
      both.reserve(static_cast<size_t>(shape.size()));
      for (int64_t s = 0; s < shape[0]; ++s) {
        for (int64_t h = 0; h < shape[1]; ++h) {
          for (int64_t i = 0; i < shape[2]; ++i) {
            for (int64_t j = 0; j < shape[3]; ++j) {
              both.push_back((*a.dense_)[dense_index(a.dense_shape_, s, h, i, j)] != 0 &&
                             (*b.dense_)[dense_index(b.dense_shape_, s, h, i, j)] != 0);
            }
          }
        }
      }
      result.dense_ = std::make_shared<const std::vector<uint8_t>>(std::move(both));
      result.dense_shape_ = shape;
    }
  }
  return result;
}

Mask Mask::samples(int64_t begin, int64_t end) const {
  require(0 <= begin && begin <= end, "Mask::samples: [{}, {}) is no range of samples", begin, end);
  Mask result = *this;
  if (lengths_ != nullptr) {
    const auto count = static_cast<int64_t>(lengths_->size());
    require(end <= count, "Mask::samples: [{}, {}) reaches beyond {} lengths", begin, end, count);
    result.lengths_ = std::make_shared<const std::vector<int64_t>>(lengths_->begin() + begin, lengths_->begin() + end);
  }
  if (dense_ != nullptr && dense_shape_[0] != 1) {  // of size 1 it is the same for all samples
    const int64_t count = dense_shape_[0], each = dense_shape_.size() / count;
    require(end <= count, "Mask::samples: [{}, {}) reaches beyond a dense mask of {} samples", begin, end, count);
    result.dense_ =
        std::make_shared<const std::vector<uint8_t>>(dense_->begin() + begin * each, dense_->begin() + end * each);
    result.dense_shape_ = {end - begin, dense_shape_[1], dense_shape_[2], dense_shape_[3]};
  }
  return result;
}

void Mask::require_fits(const char* op, int64_t batch, int64_t heads, int64_t queries, int64_t keys) const {
  require(lengths_ == nullptr || static_cast<int64_t>(lengths_->size()) == batch,
          "{}: the padding mask has {} lengths for a batch of {}", op, lengths_ == nullptr ? 0 : lengths_->size(),
          batch);
  if (lengths_ != nullptr) {
    for (const int64_t length : *lengths_) {
      require(length <= keys, "{}: the padding mask has a length of {} for {} keys", op, length, keys);
    }
  }
  if (dense_ == nullptr) return;
  const int64_t wanted[] = {batch, heads, queries, keys};
  for (int axis = 0; axis < 4; ++axis) {
    require(dense_shape_[axis] == 1 || dense_shape_[axis] == wanted[axis],
            "{}: the dense mask {} does not broadcast to (batch, heads, queries, keys) = ({}, {}, {}, {})", op,
            dense_shape_, batch, heads, queries, keys);
  }
}

bool Mask::may_attend(int64_t sample, int64_t head, int64_t query, int64_t key) const {
  const int64_t position = query_offset_ + query;
  if (causal_ && key > position) return false;
  if (window_ > 0 && key <= position - window_) return false;
  if (lengths_ != nullptr && key >= (*lengths_)[static_cast<size_t>(sample)]) return false;
  return dense_ == nullptr || (*dense_)[dense_index(dense_shape_, sample, head, query, key)] != 0;
}

double Mask::pairs(int64_t samples, int64_t queries, int64_t keys) const {
  int64_t total = 0;
  for (int64_t sample = 0; sample < (lengths_ == nullptr ? 1 : samples); ++sample) {
    const int64_t seen = lengths_ == nullptr ? keys : std::min(keys, (*lengths_)[static_cast<size_t>(sample)]);
    if (!causal_) {
      total += queries * seen;
      continue;
    }
    for (int64_t query = 0; query < queries; ++query) {
      const int64_t end = query_offset_ + query + 1, begin = window_ > 0 ? std::max<int64_t>(0, end - window_) : 0;
      total += std::max<int64_t>(0, std::min(end, seen) - begin);
    }
  }
  return static_cast<double>(lengths_ == nullptr ? total * samples : total);
}

Tensor Mask::to_tensor(int64_t batch, int64_t heads, int64_t queries, int64_t keys, DType dtype) const {
  require_fits("Mask", batch, heads, queries, keys);
  const int64_t own_heads = dense_ == nullptr || dense_shape_[1] == 1 ? 1 : heads;
  Tensor result = empty({batch, own_heads, queries, keys}, dtype);
  with_dtype(dtype, [&]<class T>() {
    T* to = result.data<T>();
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t h = 0; h < own_heads; ++h) {
        for (int64_t i = 0; i < queries; ++i) {
          for (int64_t j = 0; j < keys; ++j) *to++ = may_attend(b, h, i, j) ? T(1) : T(0);
        }
      }
    }
  });
  return result;
}

std::string Mask::to_string() const {
  if (allows_all()) return "none";
  std::vector<std::string> parts;
  if (causal_) {
    std::string part = window_ > 0 ? fmt::format("sliding window of {}", window_) : "causal";
    if (query_offset_ > 0) part += fmt::format(" with offset {}", query_offset_);
    parts.push_back(std::move(part));
  }
  if (lengths_ != nullptr) parts.push_back(fmt::format("padding by lengths ({})", fmt::join(*lengths_, ", ")));
  if (dense_ != nullptr) parts.push_back(fmt::format("dense {}", dense_shape_));
  return fmt::format("{}", fmt::join(parts, " and "));
}

}  // namespace transformlet
