// Which query may attend to which key.
//
// One convention: true = may attend, as in PyTorch 2's scaled_dot_product_attention. The boolean masks of PyTorch's
// nn.MultiheadAttention and nn.Transformer say the opposite (true = may not): turn them round.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/tensor.h"

namespace transformlet {

class Mask {
 public:
  Mask() = default;
  static Mask none() { return {}; }
  // Query i stands at position query_offset + i and sees the keys up to its position. Without an offset the first query
  // sees the first key (PyTorch's top-left), whatever the lengths.
  static Mask causal(int64_t query_offset = 0);
  // Causal, and only the last `window` keys up to the query's own position (Beltagy et al. 2020; Mistral).
  static Mask sliding_window(int64_t window, int64_t query_offset = 0);
  // Sample b of the batch sees the first lengths[b] keys.
  static Mask padding(std::vector<int64_t> lengths);
  // One entry for each pair, true = may attend: shape (queries, keys), (batch, queries, keys) or
  // (batch, heads, queries, keys). Axes of size 1 broadcast.
  static Mask dense(std::vector<uint8_t> may_attend, const Shape& shape);

  // Both must allow. Two causal masks must agree on the offset.
  friend Mask operator&(const Mask& a, const Mask& b);

  // That of samples [begin, end) of the batch: their lengths and dense entries, as they are in the whole.
  Mask samples(int64_t begin, int64_t end) const;

  bool allows_all() const { return !causal_ && lengths_ == nullptr && dense_ == nullptr; }
  // An Error that opens with `op` unless the mask fits attention of these sizes.
  void require_fits(const char* op, int64_t batch, int64_t heads, int64_t queries, int64_t keys) const;
  bool may_attend(int64_t sample, int64_t head, int64_t query, int64_t key) const;
  // 1 where a query may attend, else 0: (batch, heads, queries, keys), or with heads = 1 if they don't differ.
  Tensor to_tensor(int64_t batch, int64_t heads, int64_t queries, int64_t keys, DType dtype) const;
  // How many pairs of query and key the causal, window and length rules let through, in all samples: those that
  // attention has to compute. (Of a dense mask it computes all.)
  double pairs(int64_t samples, int64_t queries, int64_t keys) const;
  std::string to_string() const;

  // ---- for the kernel ----
  bool is_causal() const { return causal_; }
  int64_t query_offset() const { return query_offset_; }
  int64_t window() const { return window_; }  // 0: unlimited
  const int64_t* lengths() const { return lengths_ == nullptr ? nullptr : lengths_->data(); }
  const uint8_t* dense_data() const { return dense_ == nullptr ? nullptr : dense_->data(); }
  const Shape& dense_shape() const { return dense_shape_; }  // four axes

 private:
  bool causal_ = false;
  int64_t query_offset_ = 0;
  int64_t window_ = 0;
  std::shared_ptr<const std::vector<int64_t>> lengths_;
  std::shared_ptr<const std::vector<uint8_t>> dense_;
  Shape dense_shape_;
};

}  // namespace transformlet
