#include "layers/classifier.h"

#include "base/registry.h"
#include "layers/block_config.h"

namespace transformlet {
namespace {

// 1 / length where a token counts, else 0: (B, T, 1)
Tensor mean_weights(const Mask& mask, int64_t batch, int64_t length, DType dtype) {
  std::vector<double> weights(static_cast<size_t>(batch * length), 0.0);
  for (int64_t sample = 0; sample < batch; ++sample) {
    const int64_t counted = mask.lengths() == nullptr ? length : mask.lengths()[sample];
    for (int64_t i = 0; i < counted; ++i)
      weights[static_cast<size_t>(sample * length + i)] = 1.0 / static_cast<double>(counted);
  }
  return tensor(weights, {batch, length, 1}, dtype);
}

// The same mask for sequences with one more token, in front.
Mask with_one_more(const Mask& mask, int64_t batch) {
  if (mask.lengths() == nullptr) return mask;
  std::vector<int64_t> lengths(mask.lengths(), mask.lengths() + batch);
  for (int64_t& length : lengths) ++length;
  return Mask::padding(std::move(lengths));
}

}  // namespace

Classifier::Classifier(const Scope& scope, const ClassifierOptions& given, const ModelSizes& sizes)
    : options(given),
      embedding(scope / "embedding", sizes.vocab_size, options.blocks.d_model, normal(0.02)),
      positions(scope / "positions", options.position, sizes.max_length + (options.pooling == Pooling::cls),
                options.blocks.d_model),
      embedding_dropout(scope / "embedding" / "dropout", options.embedding_dropout),
      encoder(scope / "encoder", options.blocks),
      head(scope / "head", options.blocks.d_model, sizes.classes, true, xavier_uniform(), ParameterKind::outer_weight) {
  if (options.pooling == Pooling::cls) {
    cls = scope.parameter("cls", {1, 1, options.blocks.d_model}, normal(0.02), ParameterKind::embedding);
  }
}

Tensor Classifier::operator()(const ModelInputs& inputs, const Pass& pass) const {
  const Tokens& ids = inputs.ids;
  require(ids.shape().rank() == 2, "the model takes ids of shape (batch, length), not {}", ids.shape());
  const int64_t batch = ids.shape()[0], length = ids.shape()[1], d_model = options.blocks.d_model;
  Tensor x = embedding(ids);
  if (cls.defined()) {
    require(!inputs.mask.is_causal() && inputs.mask.dense_data() == nullptr,
            "a [CLS] token stands in front of the sequence: causal and dense masks have no place for it");
    x = concatenate({broadcast_to(cls, {batch, 1, d_model}), x}, 1);
  }
  x = encoder(embedding_dropout(positions(x), pass), cls.defined() ? with_one_more(inputs.mask, batch) : inputs.mask,
              pass);
  const Tensor whole = cls.defined() ? reshape(slice(x, 1, 0, 1), {batch, d_model})
                                     : sum(x * mean_weights(inputs.mask, batch, length, x.dtype()), {1});
  return pass.tap("", "logits", head(whole));
}

std::vector<NamedLayer> Classifier::layers() const {
  std::vector<NamedLayer> result = encoder.layers();
  result.push_back(named_layer("head", options.blocks.d_model, head));
  return result;
}

namespace {

struct ClassifierConfig : ModelConfig {
  static constexpr const char* name = "classifier";
  static constexpr const char* help = "a judgement on a whole sequence: embedding, encoder blocks, mean or [CLS], head";

  BlockConfig blocks{.num_layers = 2,
                     .num_heads = 4,
                     .d_model = 64,
                     .d_ff = 0,
                     .norm_position = "pre",
                     .activation = "gelu",
                     .position = "learned"};
  std::string pooling = "mean";
  std::optional<double> embedding_dropout;

  void describe(Fields& field) override {
    blocks.describe(field);
    field("pooling", pooling, "the mean of all tokens, or a [CLS] token in front of them", one_of({"mean", "cls"}));
    field("embedding_dropout", embedding_dropout, "on embeddings", at_least(0), less_than(1));
  }

  std::string misfit(const ModelSizes& sizes) const override {
    if (sizes.source_vocab_size > 0) return ModelConfig::misfit(sizes);
    return sizes.whole_sequences ? "" : "gives one answer to a sequence, and this task asks for one at each place";
  }

  double activations_per_token(const ModelSizes& sizes, bool recompute) const override {
    return 2.0 * (transformlet::activations_per_token(blocks.options(), recompute) +
                  6.0 * static_cast<double>(blocks.d_model)) +
           static_cast<double>(sizes.classes);  // twice: a [CLS] token may double a sequence of one
  }

  double product_operations(const ModelSizes& sizes, bool recompute) const override {
    const int64_t tokens = sizes.max_length + (pooling == "cls" ? 1 : 0);
    const double stack =
        transformlet::product_operations(blocks.options(), tokens, Mask::none().pairs(1, tokens, tokens));
    const double head = 2 * static_cast<double>(blocks.d_model) * static_cast<double>(sizes.classes);
    return (recompute ? with_recomputation : forward_and_backward) * stack + forward_and_backward * head;
  }

  std::unique_ptr<Model> build(const Scope& scope, const ModelSizes& sizes) const override {
    ClassifierOptions options{.blocks = blocks.options(),
                              .position = blocks.position_of_embeddings(),
                              .pooling = chosen<Pooling>(pooling, {"mean", "cls"}),
                              .embedding_dropout = embedding_dropout.value_or(blocks.dropout)};
    options.blocks.final_norm = options.blocks.norm_position == NormPosition::pre;
    return std::make_unique<Classifier>(scope, options, sizes);
  }
};

const Registered<ModelConfig, ClassifierConfig> registered;

}  // namespace
}  // namespace transformlet
