#include "study/logit_parts.h"

namespace transformlet {
namespace {

// What is written to the residual stream, and the stream in the end.
struct Writers : Tap {
  bool wants(std::string_view name) const override {
    return name == "decoder.blocks.0.input" || name.ends_with("attention_output") ||
           name.ends_with("feed_forward_output") || name.ends_with(".output");
  }

  Tensor receive(std::string_view name, const Tensor& x) override {
    stream = x;
    if (name.ends_with(".output")) return x;
    const std::string path(name);
    names.push_back(path.ends_with(".input") ? "embedding" : path.substr(0, path.rfind("_output")));
    written.push_back(x);
    return x;
  }

  std::vector<std::string> names;
  TensorList written;
  Tensor stream;
};

}  // namespace

const Tensor& unembedding(const Decoder& decoder) {
  return decoder.head ? decoder.head->weight : decoder.embedding.weight;
}

static Tensor centred(const Norm& norm, const Tensor& x) {
  return norm.kind == NormKind::layer ? x - mean(x, {-1}, true) : x;
}

Tensor logits_of_stream(const Decoder& decoder, const Tensor& x) {
  return linear(decoder.blocks.final_norm ? (*decoder.blocks.final_norm)(x) : x, unembedding(decoder));
}

Tensor through_final_norm(const Decoder& decoder, const Tensor& x) {
  const std::optional<Norm>& norm = decoder.blocks.final_norm;
  return norm ? centred(*norm, x) * cast(norm->gain, x.dtype()) : x;
}

LogitParts logit_parts(const Decoder& decoder, const ModelInputs& examples) {
  const std::optional<Norm>& norm = decoder.blocks.final_norm;
  const EncoderBlock& first = decoder.blocks.blocks.front();
  require(
      norm.has_value() && first.attention_pre_norm.has_value() && first.skip,
      "logit_parts: logits are a sum over sublayers only of a decoder with skip connections and norm_position: pre");
  Writers writers;
  decoder(examples, Pass::evaluation().with_tap(writers));
  const Tensor scale = rsqrt(mean(square(centred(*norm, writers.stream)), {-1}, true) + norm->epsilon);
  LogitParts result{std::move(writers.names), {}};
  for (const Tensor& x : writers.written) result.parts.push_back(through_final_norm(decoder, x) * scale);
  if (norm->bias.defined()) {
    result.names.push_back(decoder.blocks.path + ".final_norm.bias");
    result.parts.push_back(broadcast_to(norm->bias, writers.stream.shape()));
  }
  return result;
}

}  // namespace transformlet
