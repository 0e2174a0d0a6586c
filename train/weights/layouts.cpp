#include "train/weights/layouts.h"

#include <fmt/ranges.h>

#include "base/error.h"

namespace transformlet {
namespace {

// Theirs, ours. The first of those that mean the same is the one that is written.
const Words gpt2_activations = {{"gelu_new", "gelu_tanh"},
                                {"gelu_pytorch_tanh", "gelu_tanh"},
                                {"gelu", "gelu"},
                                {"relu", "relu"},
                                {"silu", "silu"}};
const Words llama_activations = {{"silu", "swiglu"}, {"gelu", "geglu"}};
const Words torch_activations = {{"relu", "relu"}, {"gelu", "gelu"}};
const Words norm_positions = {{"true", "pre"}, {"false", "post"}};

// GPT2LMHeadModel of Hugging Face's transformers. Its linear layers are "Conv1D"s: their weights are (in, out).
Layout hf_gpt2() {
  return {
      .name = "hf-gpt2",
      .help = "GPT2LMHeadModel of Hugging Face's transformers",
      .prefix = "transformer.",
      .weights =
          {
              {"embedding.weight", "transformer.wte.weight"},
              {"positions.weight", "transformer.wpe.weight"},
              {"decoder.blocks.*.attention_norm.gain", "transformer.h.*.ln_1.weight"},
              {"decoder.blocks.*.attention_norm.bias", "transformer.h.*.ln_1.bias"},
              {"decoder.blocks.*.attention.qkv.weight", "transformer.h.*.attn.c_attn.weight ^T"},
              {"decoder.blocks.*.attention.qkv.bias", "transformer.h.*.attn.c_attn.bias"},
              {"decoder.blocks.*.attention.out.weight", "transformer.h.*.attn.c_proj.weight ^T"},
              {"decoder.blocks.*.attention.out.bias", "transformer.h.*.attn.c_proj.bias"},
              {"decoder.blocks.*.feed_forward_norm.gain", "transformer.h.*.ln_2.weight"},
              {"decoder.blocks.*.feed_forward_norm.bias", "transformer.h.*.ln_2.bias"},
              {"decoder.blocks.*.feed_forward.up.weight", "transformer.h.*.mlp.c_fc.weight ^T"},
              {"decoder.blocks.*.feed_forward.up.bias", "transformer.h.*.mlp.c_fc.bias"},
              {"decoder.blocks.*.feed_forward.down.weight", "transformer.h.*.mlp.c_proj.weight ^T"},
              {"decoder.blocks.*.feed_forward.down.bias", "transformer.h.*.mlp.c_proj.bias"},
              {"decoder.final_norm.gain", "transformer.ln_f.weight"},
              {"decoder.final_norm.bias", "transformer.ln_f.bias"},
              {"head.weight", "lm_head.weight"},
          },
      .ignored = {"transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias"},  // masks
      .tied_head = "lm_head.weight",
      .tied_to = "transformer.wte.weight",
      .keys =
          {
              {"n_layer", "num_layers"},
              {"n_head", "num_heads"},
              {"n_embd", "d_model"},
              {"n_inner", "d_ff", 0},
              {"vocab_size", "vocab_size"},
              {"n_positions|n_ctx", "max_length", 1024},
              {"layer_norm_epsilon", "norm_epsilon", 1e-5},
              {"activation_function", "activation", "gelu_tanh", gpt2_activations},
              {"resid_pdrop", "residual_dropout", 0.1},
              {"attn_pdrop", "attention_dropout", 0.1},
              {"embd_pdrop", "embedding_dropout", 0.1},
              {"tie_word_embeddings", "tie_embeddings", true},
          },
      .our_fixed_keys = {{"kind", {"decoder"}},
                         {"parametrization", {"standard"}},
                         {"norm", {"layer"}},
                         {"norm_position", {"pre"}},
                         {"position", {"learned"}},
                         {"bias", {true}},
                         {"feed_forward", {true}},
                         {"skip", {true}},
                         {"attention", {"softmax"}},
                         {"num_kv_heads", {0}},
                         {"window", {0}}},
      .their_fixed_keys = {{"model_type", {"gpt2"}},
                           {"scale_attn_weights", {true}},
                           {"scale_attn_by_inverse_layer_idx", {false}},
                           {"add_cross_attention", {false}}},
      .also_written = {{"architectures", {"GPT2LMHeadModel"}}},
      .task = "repeat",
  };
}

// LlamaForCausalLM of Hugging Face's transformers. Rotary positions turn column j with column j + head size / 2, as
// ours do.
Layout hf_llama() {
  return {
      .name = "hf-llama",
      .help = "LlamaForCausalLM of Hugging Face's transformers",
      .prefix = "model.",
      .weights =
          {
              {"embedding.weight", "model.embed_tokens.weight"},
              {"decoder.blocks.*.attention_norm.gain", "model.layers.*.input_layernorm.weight"},
              {"decoder.blocks.*.attention.qkv.weight", "model.layers.*.self_attn.{q,k,v}_proj.weight"},
              {"decoder.blocks.*.attention.qkv.bias", "model.layers.*.self_attn.{q,k,v}_proj.bias"},
              {"decoder.blocks.*.attention.out.weight", "model.layers.*.self_attn.o_proj.weight"},
              {"decoder.blocks.*.attention.out.bias", "model.layers.*.self_attn.o_proj.bias"},
              {"decoder.blocks.*.feed_forward_norm.gain", "model.layers.*.post_attention_layernorm.weight"},
              {"decoder.blocks.*.feed_forward.gate.weight", "model.layers.*.mlp.gate_proj.weight"},
              {"decoder.blocks.*.feed_forward.gate.bias", "model.layers.*.mlp.gate_proj.bias"},
              {"decoder.blocks.*.feed_forward.up.weight", "model.layers.*.mlp.up_proj.weight"},
              {"decoder.blocks.*.feed_forward.up.bias", "model.layers.*.mlp.up_proj.bias"},
              {"decoder.blocks.*.feed_forward.down.weight", "model.layers.*.mlp.down_proj.weight"},
              {"decoder.blocks.*.feed_forward.down.bias", "model.layers.*.mlp.down_proj.bias"},
              {"decoder.final_norm.gain", "model.norm.weight"},
              {"head.weight", "lm_head.weight"},
          },
      .ignored = {"model.layers.*.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"},
      .tied_head = "lm_head.weight",
      .tied_to = "model.embed_tokens.weight",
      .keys =
          {
              {"num_hidden_layers", "num_layers"},
              {"num_attention_heads", "num_heads"},
              {"num_key_value_heads", "num_kv_heads", 0},
              {"hidden_size", "d_model"},
              {"head_dim", "head_size", 0},  // not a key of ours: d_model / num_heads
              {"intermediate_size", "d_ff"},
              {"vocab_size", "vocab_size"},
              {"max_position_embeddings", "max_length", 2048},
              {"rms_norm_eps", "norm_epsilon", 1e-6},
              {"rope_theta|rope_parameters.rope_theta", "rotary_base", 10000.0},
              {"hidden_act", "activation", "swiglu", llama_activations},
              {"attention_dropout", "attention_dropout", 0.0},
              {"attention_bias", "bias", false},
              {"mlp_bias", "bias", false},
              {"tie_word_embeddings", "tie_embeddings", false},
          },
      .our_fixed_keys = {{"kind", {"decoder"}},
                         {"parametrization", {"standard"}},
                         {"norm", {"rms"}},
                         {"norm_position", {"pre"}},
                         {"position", {"rope"}},
                         {"feed_forward", {true}},
                         {"skip", {true}},
                         {"attention", {"softmax"}},
                         {"window", {0}}},
      .their_fixed_keys = {{"model_type", {"llama"}},
                           {"rope_scaling", {nullptr}},
                           {"rope_parameters.rope_type", {"default"}},
                           {"rope_parameters.partial_rotary_factor", {1.0}}},
      .training_only = {"residual_dropout", "embedding_dropout"},
      .also_written = {{"architectures", {"LlamaForCausalLM"}}},
      .task = "repeat",
  };
}

// state_dict() of PyTorch's nn.TransformerEncoder. Its config.json holds the arguments of nn.TransformerEncoderLayer by
// their names, num_layers, and final_norm: whether the stack has a norm at its end.
Layout torch_encoder() {
  return {
      .name = "torch-encoder",
      .help = "nn.TransformerEncoder of PyTorch",
      .prefix = "",
      .weights =
          {
              {"encoder.blocks.*.attention.qkv.weight", "layers.*.self_attn.in_proj_weight"},
              {"encoder.blocks.*.attention.qkv.bias", "layers.*.self_attn.in_proj_bias"},
              {"encoder.blocks.*.attention.out.weight", "layers.*.self_attn.out_proj.weight"},
              {"encoder.blocks.*.attention.out.bias", "layers.*.self_attn.out_proj.bias"},
              {"encoder.blocks.*.attention_norm.gain", "layers.*.norm1.weight"},
              {"encoder.blocks.*.attention_norm.bias", "layers.*.norm1.bias"},
              {"encoder.blocks.*.feed_forward.up.weight", "layers.*.linear1.weight"},
              {"encoder.blocks.*.feed_forward.up.bias", "layers.*.linear1.bias"},
              {"encoder.blocks.*.feed_forward.down.weight", "layers.*.linear2.weight"},
              {"encoder.blocks.*.feed_forward.down.bias", "layers.*.linear2.bias"},
              {"encoder.blocks.*.feed_forward_norm.gain", "layers.*.norm2.weight"},
              {"encoder.blocks.*.feed_forward_norm.bias", "layers.*.norm2.bias"},
              {"encoder.final_norm.gain", "norm.weight"},
              {"encoder.final_norm.bias", "norm.bias"},
          },
      .ours_only = {"input.", "head."},
      .keys =
          {
              {"num_layers", "num_layers"},
              {"nhead", "num_heads"},
              {"d_model", "d_model"},
              {"dim_feedforward", "d_ff", 2048},
              {"dropout", "dropout", 0.1},
              {"activation", "activation", "relu", torch_activations},
              {"layer_norm_eps", "norm_epsilon", 1e-5},
              {"norm_first", "norm_position", "post", norm_positions},
              {"bias", "bias", true},
              {"final_norm", "final_norm", false},
          },
      .our_fixed_keys = {{"kind", {"encoder"}},
                         {"norm", {"layer"}},
                         {"position", {"sinusoidal", "learned", "none"}},
                         {"feed_forward", {true}},
                         {"skip", {true}},
                         {"attention", {"softmax"}},
                         {"num_kv_heads", {0}}},
      .task = "reverse",
  };
}

}  // namespace

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {hf_gpt2(), hf_llama(), torch_encoder()};
  return all;
}

const Layout& layout_named(const std::string& name, const std::string& command) {
  std::vector<std::string> names;
  for (const Layout& layout : layouts()) {
    if (layout.name == name) return layout;
    names.push_back(layout.name);
  }
  throw UsageError(fmt::format("{}: there is no layout '{}'; there are {}", command, name, fmt::join(names, ", ")));
}

}  // namespace transformlet
