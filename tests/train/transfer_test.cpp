// Other programs' models as runs: the recorded ones give the recorded outputs, and come back as they were.
#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

#include "layers/sequence_predictor.h"
#include "tests/golden_tensors.h"
#include "tests/train/safetensors_tools.h"
#include "tests/train/transfer_tools.h"
#include "train/weights/name_map.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

std::string bits_of_tensor(const Tensor& x) {
  return {static_cast<const char*>(x.body().buffer->data), static_cast<size_t>(x.size()) * size_of(x.dtype())};
}

struct Recorded {
  const char *layout, *golden;
};

class Transfers : public testing::TestWithParam<Recorded> {
 protected:
  const GoldenCase golden = golden_case(load_golden("parity.json"), GetParam().golden);
  const ModelCopy copy{GetParam().layout};
};

TEST_P(Transfers, AnImportedModelGivesTheRecordedOutputs) {
  for (const std::string dtype : {"float64", "float32"}) {
    copy.import(dtype, {"train.dtype=" + dtype});
    LoadedRun run(copy.folder.path / dtype);
    const Pass pass = Pass::evaluation();
    if (const auto* const encoder = dynamic_cast<const SequencePredictor*>(run.experiment.model.get())) {
      const Tensor x = golden_leaf(golden, "x", run.config.dtype());
      expect_golden(golden.outputs.at("output"), encoder->encoder(x, {}, pass), dtype);
    } else {
      const Tokens ids = golden_tokens(golden.inputs.at("ids"));
      expect_golden(golden.outputs.at("logits"), (*run.experiment.model)(ids, {}, pass), dtype);
    }
  }
}

TEST_P(Transfers, ExportOfAnImportHoldsTheSameBytes) {
  const Transfer imported = copy.import("run");
  const Transfer exported = copy.export_run("run", "exported");
  EXPECT_EQ(exported.tensors, imported.tensors);
  EXPECT_EQ(exported.numbers, imported.numbers);
  const SafetensorsFile before = copy.weights(),
                        after = read_safetensors(copy.folder.path / "exported/model.safetensors");
  EXPECT_EQ(after.metadata, before.metadata);
  ASSERT_EQ(after.tensors.size(), before.tensors.size());
  for (size_t i = 0; i < after.tensors.size(); ++i) {
    EXPECT_EQ(after.tensors[i].name, before.tensors[i].name);
    EXPECT_EQ(after.tensors[i].value.shape(), before.tensors[i].value.shape());
    EXPECT_EQ(bits_of_tensor(after.tensors[i].value), bits_of_tensor(before.tensors[i].value)) << after.tensors[i].name;
  }
  // The whole file, where there are no buffers that are passed over.
  if (copy.layout.ignored.empty() || copy.layout.name == "hf-llama") {
    EXPECT_EQ(bytes_of_file(copy.folder.path / "exported/model.safetensors"),
              bytes_of_file(copy.source / "model.safetensors"));
  }
  // Every key of theirs has come through.
  const Json old_keys = Json::parse(bytes_of_file(copy.source / "config.json")),
             new_keys = Json::parse(bytes_of_file(copy.folder.path / "exported/config.json"));
  for (const auto& [name, value] : old_keys.items()) EXPECT_EQ(new_keys.value(name, Json()), value) << name;
}

TEST_P(Transfers, ImportOfAnExportHoldsTheSameBytes) {
  copy.import("run");
  copy.export_run("run", "exported");
  import_model(copy.folder.path / "exported", copy.layout, copy.folder.path / "again", {});
  for (const char* const file : {"config.yaml", "checkpoints/step-0/weights.safetensors"}) {
    EXPECT_EQ(bytes_of_file(copy.folder.path / "again" / file), bytes_of_file(copy.folder.path / "run" / file)) << file;
  }
}

TEST_P(Transfers, TheTokenizerComesAlong) {
  const std::string text(200000, 'x');
  write_bytes(copy.source / "tokenizer.json", text);
  copy.import("run");
  EXPECT_EQ(bytes_of_file(copy.folder.path / "run/tokenizer.json"), text);
  copy.export_run("run", "exported");
  EXPECT_EQ(bytes_of_file(copy.folder.path / "exported/tokenizer.json"), text);
}

INSTANTIATE_TEST_SUITE_P(Layouts, Transfers,
                         testing::Values(Recorded{"hf-gpt2", "gpt2"}, Recorded{"hf-llama", "llama"},
                                         Recorded{"torch-encoder", "encoder"}),
                         [](const auto& info) { return std::string(info.param.golden); });

TEST(Transfer, OldFilesHaveBuffersThatArePassedOver) {
  EXPECT_EQ(ModelCopy("hf-gpt2").import().notes,
            std::vector<std::string>{"passed over: transformer.h.0.attn.bias, transformer.h.0.attn.masked_bias, "
                                     "transformer.h.1.attn.bias, transformer.h.1.attn.masked_bias"});
  const ModelCopy llama("hf-llama");
  llama.edit_weights([](std::vector<NamedTensor>& tensors) {
    tensors.push_back({"model.layers.1.self_attn.rotary_emb.inv_freq", zeros({2}, DType::float32)});
  });
  EXPECT_EQ(llama.import().notes,
            std::vector<std::string>{"passed over: model.layers.1.self_attn.rotary_emb.inv_freq"});
}

TEST(Transfer, WhatTheLayoutLacksIsNoted) {
  const ModelCopy copy("torch-encoder");
  EXPECT_EQ(copy.import("run", {"model.input=embedding", "model.position=none"}).notes,
            std::vector<std::string>{"torch-encoder has nothing for these, which begin as in any new run: "
                                     "input.embedding.weight, head.hidden.weight, head.hidden.bias, head.norm.gain, "
                                     "head.norm.bias, head.out.weight, head.out.bias"});
  EXPECT_EQ(copy.export_run("run", "exported").notes,
            std::vector<std::string>{"torch-encoder has no place for these, which are left out: head.hidden.bias, "
                                     "head.hidden.weight, head.norm.bias, head.norm.gain, head.out.bias, "
                                     "head.out.weight, input.embedding.weight"});
  // They do begin as in any new run.
  const LoadedRun run(copy.folder.path / "run");
  Parameters fresh;
  run.config.model->build(Scope(fresh, run.config.seed_value(), run.config.dtype()), run.config.task->sizes());
  for (size_t i = 0; i < fresh.list().size(); ++i) {
    const Tensor &a = fresh.list()[i].value, &b = run.experiment.parameters.list()[i].value;
    EXPECT_EQ(bits_of_tensor(a) == bits_of_tensor(b), !a.name().starts_with("encoder.")) << a.name();
  }

  const ModelCopy llama("hf-llama");
  llama.import("run", {"model.residual_dropout=0.25"});
  EXPECT_EQ(llama.export_run("run", "exported").notes,
            std::vector<std::string>{"model.residual_dropout is 0.25, which hf-llama has no place for; it matters in "
                                     "training alone"});
}

// As GPT2Model is saved, without its head.
TEST(Transfer, AModelWithoutItsHeadHasNoPrefix) {
  const ModelCopy copy("hf-gpt2");
  copy.import("with");
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    for (NamedTensor& tensor : tensors) tensor.name.erase(0, std::string("transformer.").size());
  });
  EXPECT_EQ(copy.import("without").notes, std::vector<std::string>{});
  const char* const file = "checkpoints/step-0/weights.safetensors";
  EXPECT_EQ(bytes_of_file(copy.folder.path / "without" / file), bytes_of_file(copy.folder.path / "with" / file));
}

TEST(Transfer, ATiedHeadMayBeThereIfItIsTheSame) {
  const ModelCopy copy("hf-gpt2");
  copy.import("without");
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    tensors.push_back({"lm_head.weight", tensor_named(tensors, "transformer.wte.weight")});
  });
  copy.import("with");
  const char* const file = "checkpoints/step-0/weights.safetensors";
  EXPECT_EQ(bytes_of_file(copy.folder.path / "without" / file), bytes_of_file(copy.folder.path / "with" / file));
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    Tensor other = zeros({11, 8}, DType::float32);
    tensor_named(tensors, "lm_head.weight") = other;
  });
  EXPECT_EQ(copy.import_error(),
            "model.safetensors: lm_head.weight differs from transformer.wte.weight, but by config.json they are one "
            "(tie_word_embeddings)");
  copy.edit_config([](Json& config) { config["tie_word_embeddings"] = false; });
  copy.import("untied");
  EXPECT_EQ(LoadedRun(copy.folder.path / "untied").experiment.parameters.list().back().value.name(), "head.weight");
  EXPECT_EQ(copy.export_run("untied", "exported").tensors, 29u);
}

TEST(Transfer, DoublesStayDoublesUnlessAskedOtherwise) {
  const ModelCopy copy("hf-llama");
  copy.edit_weights([](std::vector<NamedTensor>& tensors) {
    for (NamedTensor& tensor : tensors) tensor.value = cast(tensor.value, DType::float64);
  });
  EXPECT_EQ(copy.import("doubles").notes, std::vector<std::string>{});
  EXPECT_EQ(LoadedRun(copy.folder.path / "doubles").config.dtype(), DType::float64);
  EXPECT_EQ(copy.import("floats", {"train.dtype=float32"}).notes,
            std::vector<std::string>{"21 tensors of F64 become float32, rounded"});
}

// The bits of a number that float16 holds exactly, as the recorded ones are: multiples of 1/128 below 16.
uint16_t half_of(double x) {
  if (x == 0) return 0;
  int exponent = 0;
  const double fraction = std::frexp(std::abs(x), &exponent);  // [0.5, 1)
  const auto bits = static_cast<uint16_t>((exponent + 14) << 10 | static_cast<int>((2 * fraction - 1) * 1024));
  return static_cast<uint16_t>(bits | (x < 0 ? 0x8000 : 0));
}

TEST(Transfer, HalvesBecomeFloats) {
  const ModelCopy copy("hf-llama");
  copy.import("floats");
  std::string header, data;
  for (const auto& [name, value] : copy.weights().tensors) {
    const size_t begin = data.size();
    const bool half = name != "model.norm.weight";
    for (const double x : value.to_vector()) {
      const auto single = static_cast<float>(x);
      const uint16_t bits = half_of(x);
      data += half ? std::string(reinterpret_cast<const char*>(&bits), 2)
                   : std::string(reinterpret_cast<const char*>(&single), 4);
    }
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header.empty() ? "{" : ",",
                          name, half ? "F16" : "F32", fmt::join(value.shape(), ","), begin, data.size());
  }
  write_bytes(copy.source / "model.safetensors", with_header(header + "}", data));
  EXPECT_EQ(copy.import("halves").notes, std::vector<std::string>{"20 tensors of F16 become float32"});
  const char* const file = "checkpoints/step-0/weights.safetensors";
  EXPECT_EQ(bytes_of_file(copy.folder.path / "halves" / file), bytes_of_file(copy.folder.path / "floats" / file));

  std::string renamed = header + "}";
  for (size_t at = renamed.find("\"F16\""); at != std::string::npos; at = renamed.find("\"F16\"")) {
    renamed.replace(at, 5, "\"BF16\"");
  }
  write_bytes(copy.source / "model.safetensors", with_header(renamed, data));
  EXPECT_EQ(copy.import("brains").notes, std::vector<std::string>{"20 tensors of BF16 become float32"});
  EXPECT_NE(bytes_of_file(copy.folder.path / "brains" / file), bytes_of_file(copy.folder.path / "floats" / file));
}

TEST(Transfer, ShorterSequencesLeaveRoomForPositions) {
  const ModelCopy copy("hf-gpt2");
  copy.import("run", {"task.name=reverse", "task.num_symbols=11", "task.seq_len=4"});
  const LoadedRun run(copy.folder.path / "run");
  EXPECT_EQ(run.config.task->sizes().max_length, 4);
  copy.export_run("run", "exported");
  EXPECT_EQ(Json::parse(bytes_of_file(copy.folder.path / "exported/config.json")).at("n_positions"), 6);
  SafetensorsFile file = read_safetensors(copy.folder.path / "exported/model.safetensors");
  EXPECT_EQ(tensor_named(file.tensors, "transformer.wpe.weight").shape(), (Shape{6, 8}));
}

TEST(Transfer, NamesOfBlocksAreNumbers) {
  EXPECT_TRUE(matches("h.*.ln.weight", "h.0.ln.weight"));
  EXPECT_TRUE(matches("h.*.ln.weight", "h.117.ln.weight"));
  EXPECT_FALSE(matches("h.*.ln.weight", "h..ln.weight"));
  EXPECT_FALSE(matches("h.*.ln.weight", "h.1x.ln.weight"));
  EXPECT_FALSE(matches("h.*.ln.weight", "h.1.mlp.ln.weight"));
  EXPECT_FALSE(matches("h.*.ln.weight", "h.1.ln.weights"));
  EXPECT_TRUE(matches("norm.weight", "norm.weight"));
  EXPECT_FALSE(matches("norm.weight", "norm.bias"));
  EXPECT_FALSE(matches("a.*.a", "a.a"));
}

}  // namespace
}  // namespace transformlet
