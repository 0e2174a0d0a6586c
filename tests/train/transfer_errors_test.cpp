// Models that can't be imported or exported, and what is said about them.
#include <gtest/gtest.h>

#include "autograd/ops.h"
#include "tests/train/transfer_tools.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

TEST(TransferErrors, EveryTensorThatDoesNotFitIsListed) {
  const ModelCopy copy("hf-llama");
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    std::erase_if(tensors, [](const NamedTensor& t) {
      return t.name == "lm_head.weight" || t.name == "model.layers.1.self_attn.k_proj.weight";
    });
    tensors.push_back({"model.layers.2.mlp.up_proj.weight", zeros({24, 16}, DType::float32)});
    tensors.push_back({"model.layers.0.self_attn.q_proj.bias", zeros({16}, DType::float32)});
    tensor_named(tensors, "model.norm.weight") = zeros({15}, DType::float32);
    tensor_named(tensors, "model.layers.0.self_attn.v_proj.weight") = zeros({16, 8}, DType::float32);
  });
  EXPECT_EQ(copy.import_error(),
            "model.safetensors: its tensors do not fit hf-llama and config.json: missing: lm_head.weight (13, 16), "
            "model.layers.1.self_attn.k_proj.weight (8, 16); unexpected: model.layers.0.self_attn.q_proj.bias (16), "
            "model.layers.2.mlp.up_proj.weight (24, 16); of another shape or dtype: "
            "model.layers.0.self_attn.v_proj.weight (16, 8) F32, but (8, 16) is wanted, model.norm.weight (15) F32, "
            "but (16) is wanted");
}

TEST(TransferErrors, WeightsAreFloats) {
  const ModelCopy copy("torch-encoder");
  std::string bytes = bytes_of_file(copy.source / "model.safetensors");
  const size_t at = bytes.find("F32", bytes.find("norm.bias"));
  bytes.replace(at, 3, "I32");
  write_bytes(copy.source / "model.safetensors", bytes);
  EXPECT_EQ(copy.import_error(),
            "model.safetensors: its tensors do not fit torch-encoder and config.json: of another shape or dtype: "
            "norm.bias (8) I32, but (8) of floats is wanted");
}

// Square matrices of GPT-2 would fit either way round; those of other shapes are wanted as (in, out).
TEST(TransferErrors, ShapesAreThoseOfTheirLayout) {
  const ModelCopy copy("hf-gpt2");
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    tensor_named(tensors, "transformer.h.1.attn.c_attn.weight") = zeros({24, 8}, DType::float32);
  });
  EXPECT_EQ(copy.import_error(),
            "model.safetensors: its tensors do not fit hf-gpt2 and config.json: of another shape or dtype: "
            "transformer.h.1.attn.c_attn.weight (24, 8) F32, but (8, 24) is wanted");
  EXPECT_EQ(copy.import_error({"task.seq_len=10"}),
            "model.safetensors: its tensors do not fit hf-gpt2 and config.json: of another shape or dtype: "
            "transformer.h.1.attn.c_attn.weight (24, 8) F32, but (8, 24) is wanted, transformer.wpe.weight (6, 8) F32, "
            "but (10, 8) is wanted");
}

TEST(TransferErrors, EveryKeyThatDoesNotFitIsListed) {
  const ModelCopy copy("hf-gpt2");
  copy.edit_config([](Json& config) {
    config.erase("n_layer");
    config["n_head"] = nullptr;
    config["n_embd"] = "8";
    config["tie_word_embeddings"] = 1;
    config["resid_pdrop"] = false;
    config["activation_function"] = "tanh";
    config["scale_attn_by_inverse_layer_idx"] = true;
    config["model_type"] = "gpt_neo";
  });
  EXPECT_EQ(copy.import_error(),
            "config.json: model_type is gpt_neo, but hf-gpt2 is read only with gpt2; scale_attn_by_inverse_layer_idx "
            "is true, but hf-gpt2 is read only with false; n_layer is missing; n_head is missing; n_embd is 8, not a "
            "number; activation_function is tanh, not one of gelu_new, gelu_pytorch_tanh, gelu, relu, silu; "
            "resid_pdrop is false, not a number; tie_word_embeddings is 1, not true or false");
}

TEST(TransferErrors, LlamasThatAreBuiltOtherwise) {
  const auto error_with = [](const char* key, const Json& value) {
    const ModelCopy copy("hf-llama");
    copy.edit_config([&](Json& config) { config[key] = value; });
    return copy.import_error();
  };
  EXPECT_EQ(error_with("head_dim", 8), "config.json: head_dim is 8, but here it is 16 / 4");
  EXPECT_EQ(error_with("mlp_bias", true),
            "config.json: mlp_bias is true, but here the model's bias is false in all of it");
  EXPECT_EQ(error_with("rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}),
            "config.json: rope_scaling is an object, but hf-llama is read only with null");
  EXPECT_EQ(error_with("rope_parameters", {{"rope_type", "yarn"}}),
            "config.json: rope_parameters.rope_type is yarn, but hf-llama is read only with default");
  EXPECT_EQ(error_with("hidden_act", "relu"), "config.json: hidden_act is relu, not one of silu, gelu");
}

TEST(TransferErrors, RotaryBasesHaveTwoPlaces) {
  const ModelCopy copy("hf-llama");
  copy.edit_config([](Json& config) {
    config.erase("rope_theta");
    config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500.0}};
    config["head_dim"] = 4;
  });
  copy.import("run");
  const std::string config = bytes_of_file(copy.folder.path / "run/config.yaml");
  EXPECT_NE(config.find("  rotary_base: 500.0\n"), std::string::npos) << config;
}

// What the layout's table lets through goes through the checks of any config.
TEST(TransferErrors, KeysObeyTheRulesOfConfigs) {
  const ModelCopy copy("hf-gpt2");
  copy.edit_config([](Json& config) {
    config["n_head"] = 3;
    config["n_layer"] = 1.5;
  });
  EXPECT_THROW(copy.import(), ConfigError);
  try {
    copy.import();
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("config.json, as a config:2:"), std::string::npos) << text;
    EXPECT_NE(text.find(": model.d_model: must be a multiple of num_heads (3), not 8"), std::string::npos) << text;
    EXPECT_NE(text.find(": model.num_layers: expected an integer, found '1.5'"), std::string::npos) << text;
  }
}

TEST(TransferErrors, SourcesThatAreNone) {
  const ModelCopy copy("hf-llama");
  fs::remove(copy.source / "config.json");
  EXPECT_EQ(copy.import_error(), "import: there is no config.json, which says what the model is");
  fs::remove(copy.source / "model.safetensors");
  EXPECT_EQ(copy.import_error(), "import: there is no model.safetensors");
  write_bytes(copy.source / "model.safetensors.index.json", "{}");
  EXPECT_EQ(copy.import_error(),
            "import: there is no model.safetensors; a model in several files must be saved as one first");
}

TEST(TransferErrors, NothingIsOverwritten) {
  const ModelCopy copy("hf-llama");
  copy.import("run");
  EXPECT_TRUE(error_of([&] { copy.import("run"); }).starts_with((copy.folder.path / "run").string() + ": it exists"));
  copy.export_run("run", "exported");
  EXPECT_EQ(error_of([&] { copy.export_run("run", "exported"); }),
            "export: " + (copy.folder.path / "exported").string() + " exists already, and nothing is ever overwritten");
}

TEST(TransferErrors, ModelsThatALayoutHasNoPlaceFor) {
  const ModelCopy copy("hf-llama");
  copy.import("llama");
  const auto refusal = [&](const std::string& run, const std::string& layout) {
    const Checkpoint checkpoint = load_checkpoint(copy.folder.path / run / "checkpoints/step-0");
    return error_of([&] {
      export_model(copy.folder.path / run, checkpoint, layout_named(layout, "export"), copy.folder.path / "out");
    });
  };
  EXPECT_EQ(refusal("llama", "hf-gpt2"),
            "export: hf-gpt2 has no place for this model: model.norm is rms, not layer; model.position is rope, not "
            "learned; model.bias is false, not true; model.num_kv_heads is 2, not 0");
  EXPECT_EQ(refusal("llama", "torch-encoder"),
            "export: torch-encoder has no place for this model: model.kind is decoder, not encoder; model.norm is rms, "
            "not layer; model.position is rope, not sinusoidal or learned or none; model.num_kv_heads is 2, not 0");
  EXPECT_FALSE(fs::exists(copy.folder.path / "out"));

  const ModelCopy gpt2("hf-gpt2");
  gpt2.edit_config([](Json& config) { config["activation_function"] = "silu"; });
  gpt2.import("run", {"model.activation=relu"});
  EXPECT_EQ(Json::parse((gpt2.export_run("run", "out"), bytes_of_file(gpt2.folder.path / "out/config.json")))
                .at("activation_function"),
            "relu");
  const ModelCopy encoder("torch-encoder");
  encoder.import("run", {"model.activation=silu"});
  EXPECT_EQ(error_of([&] { encoder.export_run("run", "out"); }),
            "export: torch-encoder has no place for this model: model.activation is silu");
}

}  // namespace
}  // namespace transformlet
