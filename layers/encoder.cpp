#include "layers/encoder.h"

namespace transformlet {

EncoderBlock::EncoderBlock(const Scope& scope, const EncoderOptions& options)
    : path(scope.path()),
      norm_position(options.norm_position),
      attention(scope / "attention", {.d_model = options.d_model,
                                      .num_heads = options.num_heads,
                                      .dropout = options.dropout,
                                      .packed_init = options.packed_init}),
      attention_norm(scope / "attention_norm", options.d_model),
      attention_dropout(scope / "attention_dropout", options.dropout),
      feed_forward(scope / "feed_forward", options.d_model, options.d_ff, options.activation, options.dropout),
      feed_forward_norm(scope / "feed_forward_norm", options.d_model),
      feed_forward_dropout(scope / "feed_forward_dropout", options.dropout) {}

Tensor EncoderBlock::operator()(const Tensor& x, const Mask& mask, const Pass& pass) const {
  Tensor y;
  if (norm_position == NormPosition::pre) {
    y = x + attention_dropout(attention(attention_norm(x), mask, pass), pass);
    y = y + feed_forward_dropout(feed_forward(feed_forward_norm(y), pass), pass);
  } else {
    y = attention_norm(x + attention_dropout(attention(x, mask, pass), pass));
    y = feed_forward_norm(y + feed_forward_dropout(feed_forward(y, pass), pass));
  }
  return pass.tap(path, "output", y);
}

Encoder::Encoder(const Scope& scope, const EncoderOptions& options) {
  for (int64_t i = 0; i < options.num_layers; ++i) blocks.emplace_back(scope / "blocks" / i, options);
  if (options.final_norm) final_norm.emplace(scope / "final_norm", options.d_model);
}

Tensor Encoder::operator()(Tensor x, const Mask& mask, const Pass& pass) const {
  for (const EncoderBlock& block : blocks) x = block(x, mask, pass);
  return final_norm ? (*final_norm)(x) : x;
}

TensorList Encoder::attention_maps(const Tensor& x, const Mask& mask) const {
  Collector collector(".attention.weights");
  (*this)(x, mask, Pass::evaluation().with_tap(collector));
  return collector.activations();
}

Tensor Collector::receive(std::string_view name, const Tensor& x) {
  names_.emplace_back(name);
  activations_.push_back(x);
  return x;
}

}  // namespace transformlet
