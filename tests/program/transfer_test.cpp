// import and export as a user calls them, and training that goes on from what was imported.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class TransferCommands : public testing::Test {
 protected:
  TransferCommands() {
    for (const std::string layout : {"hf-gpt2", "hf-llama", "torch-encoder"}) {
      fs::copy(source_path("tests/golden/weights/" + layout), folder.path / layout);
    }
    write_bytes(folder.path / "small.yaml", small_config);
  }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }
  std::string succeeds(const Arguments& arguments) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  }
  // The program leaves with the status, says exactly this line, prints nothing and makes nothing.
  void refuses(const Arguments& arguments, const std::string& message, int status = 2) const {
    const size_t entries = number_of_entries(folder.path);
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, status) << message;
    EXPECT_EQ(outcome.err, message + "\n");
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(number_of_entries(folder.path), entries);
  }
  void import_llama() const { succeeds({"import", "hf-llama", "--layout", "hf-llama", "--output", "llama"}); }

  TemporaryFolder folder;
};

TEST_F(TransferCommands, WhatIsPrinted) {
  const Outcome import = run({"import", "torch-encoder/model.safetensors", "--layout", "torch-encoder", "--output",
                              "run", "task.num_symbols=4"});
  EXPECT_EQ(import.status, 0);
  EXPECT_EQ(import.err,
            "note: torch-encoder has nothing for these, which begin as in any new run: input.projection.weight, "
            "input.projection.bias, head.hidden.weight, head.hidden.bias, head.norm.gain, head.norm.bias, "
            "head.out.weight, head.out.bias\n");
  EXPECT_EQ(import.out, "imported 1216 numbers in 26 tensors: run\n");
  const Outcome exported = run({"export", "run", "--layout", "torch-encoder", "--output", "out/deep/"});
  EXPECT_EQ(exported.status, 0);
  EXPECT_EQ(exported.out, "exported 1216 numbers in 26 tensors: out/deep/\n");
  EXPECT_EQ(bytes_of_file(folder.path / "out/deep/model.safetensors"),
            bytes_of_file(folder.path / "torch-encoder/model.safetensors"));
}

TEST_F(TransferCommands, AnImportIsARun) {
  import_llama();
  EXPECT_TRUE(succeeds({"evaluate", "llama"}).starts_with("test at step 0: "));
  const Outcome described = run({"describe", "llama/config.yaml"});
  EXPECT_EQ(described.status, 0) << described.err;
  EXPECT_NE(described.out.find("\n4336 parameters in 17 tensors;"), std::string::npos) << described.out;
  const std::vector<std::string> events = lines_of(bytes_of_file(folder.path / "llama/events.jsonl"));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].find(R"("event": "imported", "layout": "hf-llama", "source": ")" +
                           (folder.path / "hf-llama/model.safetensors").string()),
            std::string::npos)
      << events[0];
}

// Going on from the imported run, and a new run that begins with its weights, are one training.
TEST_F(TransferCommands, TrainingGoesOnFromAnImport) {
  import_llama();
  succeeds({"train", "llama/config.yaml", "--run", "new", "train.max_steps=5", "train.initial_weights=llama"});
  succeeds({"train", "llama/config.yaml", "--run", "random", "train.max_steps=5"});
  const std::string step_0 = bytes_of_file(folder.path / "llama/checkpoints/step-0/weights.safetensors");
  for (const std::string checkpoint : {"llama/checkpoints/step-0", "llama/checkpoints/step-0/weights.safetensors"}) {
    const std::string name = "new" + std::to_string(checkpoint.size());
    succeeds({"train", "llama/config.yaml", "--run", name, "train.max_steps=5", "train.initial_weights=" + checkpoint});
    EXPECT_EQ(bits_of(folder.path / name), bits_of(folder.path / "new"));
  }
  // The optimiser is free before the first step.
  succeeds({"train", "--resume", "llama", "train.max_steps=5", "optimizer.name=adamw", "optimizer.weight_decay=0"});
  EXPECT_EQ(metrics_of(folder.path / "llama"), metrics_of(folder.path / "new"));
  EXPECT_NE(metrics_of(folder.path / "random"), metrics_of(folder.path / "new"));
  EXPECT_EQ(bytes_of_file(folder.path / "llama/checkpoints/step-0/weights.safetensors"), step_0);
}

// The path of the weights stands in the run's config in full, so that it means the same from any folder.
TEST_F(TransferCommands, InitialWeightsAreNamedInFull) {
  import_llama();
  succeeds({"train", "llama/config.yaml", "--run", "new", "train.max_steps=1", "train.initial_weights=./llama"});
  EXPECT_NE(bytes_of_file(folder.path / "new/config.yaml")
                .find("  initial_weights: \"" + (folder.path / "llama").string() + "\"\n"),
            std::string::npos);
  fs::remove_all(folder.path / "new/checkpoints");  // as if it had stopped before the first one
  const std::string before = metrics_of(folder.path / "new");
  succeeds({"train", "--resume", "new"});
  EXPECT_EQ(metrics_of(folder.path / "new"), before);
  fs::remove_all(folder.path / "llama");
  succeeds({"train", "--resume", "new", "train.max_steps=2"});  // nothing needs them any more
  succeeds({"evaluate", "new"});
}

TEST_F(TransferCommands, InitialWeightsThatAreNone) {
  import_llama();
  const std::string at = folder.path.string();
  refuses({"train", "small.yaml", "train.initial_weights=nowhere"},
          "train.initial_weights: " + at + "/nowhere is no run, no checkpoint and no file");
  fs::create_directories(folder.path / "empty");
  write_bytes(folder.path / "empty/config.yaml", "");
  refuses({"train", "small.yaml", "train.initial_weights=empty"},
          "train.initial_weights: " + at + "/empty has no whole checkpoint");
  refuses(
      {"train", "llama/config.yaml", "train.initial_weights=llama", "model.d_ff=8", "model.num_layers=1",
       "model.tie_embeddings=true"},
      "error: train.initial_weights: " + at +
          "/llama: the stored tensors do not fit: unexpected: decoder.blocks.1.attention.out.weight (16, 16) float32, "
          "decoder.blocks.1.attention.qkv.weight (32, 16) float32, decoder.blocks.1.attention_norm.gain (16) "
          "float32, decoder.blocks.1.feed_forward.down.weight (16, 24) float32, "
          "decoder.blocks.1.feed_forward.gate.weight (24, 16) float32, decoder.blocks.1.feed_forward.up.weight "
          "(24, 16) float32, decoder.blocks.1.feed_forward_norm.gain (16) float32, head.weight (13, 16) float32; of "
          "another shape or dtype: decoder.blocks.0.feed_forward.down.weight (16, 24) float32, but (16, 8) float32 "
          "is wanted, decoder.blocks.0.feed_forward.gate.weight (24, 16) float32, but (8, 16) float32 is wanted, "
          "decoder.blocks.0.feed_forward.up.weight (24, 16) float32, but (8, 16) float32 is wanted",
      1);
}

TEST_F(TransferCommands, WrongWords) {
  refuses({"import"}, "transformlet import: SOURCE is required (see transformlet import --help)");
  refuses({"import", "hf-llama", "--output", "x"},
          "transformlet import: --layout is required (see transformlet import --help)");
  refuses({"import", "hf-llama", "--layout", "hf-llama"},
          "transformlet import: --output is required (see transformlet import --help)");
  refuses({"import", "hf-llama", "--layout", "llama", "--output", "x"},
          "import: there is no layout 'llama'; there are hf-gpt2, hf-llama, torch-encoder");
  refuses({"import", "nowhere", "--layout", "hf-llama", "--output", "x"}, "import: there is no nowhere");
  refuses({"import", "hf-llama", "--layout", "hf-llama", "--output", "hf-gpt2"},
          "hf-gpt2: it exists already, and no run is ever overwritten; name another folder, or resume the run in it");
  refuses({"export"}, "transformlet export: RUN is required (see transformlet export --help)");
  refuses({"export", "hf-llama", "--layout", "hf-llama", "--output", "x"},
          "export: hf-llama is not the folder of a run (it has no config.yaml)");
  import_llama();
  refuses({"export", "llama", "--layout", "gpt2", "--output", "x"},
          "export: there is no layout 'gpt2'; there are hf-gpt2, hf-llama, torch-encoder");
  refuses({"export", "llama", "--layout", "hf-llama", "--output", "x", "--checkpoint", "7"},
          "export: llama has no checkpoint '7'; give newest, best or a saved step");
  refuses({"export", "llama", "--layout", "hf-llama", "--output", "hf-gpt2"},
          "export: hf-gpt2 exists already, and nothing is ever overwritten");
  write_bytes(folder.path / "hf-llama/model.safetensors", "damaged");
  refuses({"import", "hf-llama", "--layout", "hf-llama", "--output", "x"},
          "error: hf-llama/model.safetensors: it has 7 bytes, too few for a header", 1);
}

// Blocks that the layout has no counterpart of.
TEST_F(TransferCommands, ExportRefusesBlocksThatAreBuiltOtherwise) {
  const std::string task = "task={name: repeat, vocab_size: 5, seq_len: 8, train_size: 100, val_size: 0, test_size: 0}";
  const std::string model =
      "model={kind: decoder, num_layers: 1, num_heads: 2, d_model: 8, norm: none, feed_forward: false, skip: false, "
      "attention: linear, parametrization: mup, tie_embeddings: false}";
  succeeds({"train", "small.yaml", "--run", "bare", task, model, "train.max_steps=1"});
  refuses({"export", "bare", "--layout", "hf-gpt2", "--output", "out"},
          "export: hf-gpt2 has no place for this model: model.parametrization is mup, not standard; model.norm is "
          "none, not layer; model.feed_forward is false, not true; "
          "model.skip is false, not true; model.attention is linear, not softmax");
}

}  // namespace
}  // namespace transformlet
