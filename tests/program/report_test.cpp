// `transformlet report`: what the page says of runs of all kinds.
#include <cmath>

#include "tests/program/report_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// What is wrapped around the layers hides none of them.
TEST_F(Report, OfAModelWithInterventions) {
  const Json run = trained("small.yaml", {"interventions=[{kind: scale, factor: 0.5, at: [\"*.heads\"]}]"});
  EXPECT_EQ(run.at("missing"), Json::array());
  EXPECT_EQ(run.at("attention").at("maps").size(), 2u);
}

TEST_F(Report, AddsUpWhatProbesTook) {
  const Json run = trained("small.yaml", {"probes.norms.every=20", "probes.rank.steps=[7]"});
  const Json& probes = run.at("probes");
  ASSERT_EQ(probes.size(), 2u);
  EXPECT_EQ(probes[0].at("name"), "norms");
  EXPECT_EQ(probes[0].at("times"), 4);
  EXPECT_EQ(probes[1].at("name"), "rank");
  EXPECT_EQ(probes[1].at("times"), 1);
  double milliseconds = 0;
  for (const std::string& line : lines_of(read("run/metrics.jsonl")))
    milliseconds += Json::parse(line).value("perf/probes/norms_ms", 0.0);
  EXPECT_GT(milliseconds, 0);
  EXPECT_NEAR(probes[0].at("seconds").get<double>(), milliseconds / 1e3, 1e-12);
}

TEST_F(Report, OfAnEncoder) {
  const Json run = trained("small.yaml");
  EXPECT_EQ(run.at("missing"), Json::array());
  EXPECT_EQ(run.at("state"), "finished");
  EXPECT_EQ(run.at("task"), "reverse");
  EXPECT_EQ(run.at("kind"), "encoder");
  EXPECT_EQ(run.at("step"), 60);
  EXPECT_EQ(run.at("checkpoints"), Json({10, 20, 30, 40, 50, 60}));
  const auto test_loss =
      std::ranges::find(run.at("figures"), Json("test/loss"), [](const Json& f) { return f["name"]; });
  ASSERT_NE(test_loss, run.at("figures").end());
  EXPECT_EQ((*test_loss)["best"], 0.0);

  const Json& attention = run.at("attention");
  EXPECT_EQ(attention.at("checkpoints").size(), 6u);
  EXPECT_EQ(attention.at("examples").size(), 6u);
  ASSERT_EQ(attention.at("maps").size(), 2u);
  const Json& map = attention.at("maps")[1];
  EXPECT_EQ(map.at("name"), "encoder.blocks.1.attention");
  EXPECT_EQ(map.at("heads_labels").size(), 6u);
  EXPECT_EQ(map.at("heads_labels")[5].size(), 2u);
  EXPECT_EQ(map.at("weights")[5][5].at("values").at("shape"), Json({2, 6, 6}));
  EXPECT_TRUE(map.at("weights")[5][5].at("visible").is_null());

  ASSERT_EQ(run.at("examples").size(), 6u);
  const Json& tokens = run.at("examples")[0].at("sequences").at("tokens");
  ASSERT_EQ(tokens.size(), 6u);
  const Json& places = run.at("predictions")[0].at("places");
  ASSERT_EQ(places.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(places[i].at("target"), tokens[5 - i]);
  EXPECT_EQ(places[0].at("top").size(), 5u);
  EXPECT_FALSE(places[0].contains("layers"));
  double sum = 0;
  for (const Json& top : places[0].at("top")) sum += top.at("probability").get<double>();
  EXPECT_NEAR(sum, 1, 5e-5);  // five probabilities of five digits

  int64_t count = 0;
  for (const Json& bin : run.at("calibration").at("bins")) count += bin.at("count").get<int64_t>();
  EXPECT_EQ(count, 50 * 6);                  // all test examples
  EXPECT_EQ(run.at("spectra").size(), 12u);  // two embeddings, four matrices a block, two of the head
  EXPECT_EQ(run.at("embeddings")[0].at("name"), "input.embedding.weight");
  EXPECT_EQ(run.at("embeddings")[0].at("tokens"), Json({"0", "1", "2", "3", "4"}));
  EXPECT_EQ(run.at("embeddings")[0].at("checkpoints").size(), 6u);
}

// Right and wrong as an evaluation has it: half of the examples each, where there are so many.
TEST_F(Report, ShowsRightAndWrongExamples) {
  // Stopped while it learns: of 50 examples it has some right and some wrong.
  const Json run = trained(
      "small.yaml", {"train.max_steps=350", "model.dropout=0", "model.input_dropout=0", "optimizer.learning_rate=1e-2",
                     "task.train_size=2000", "evaluate.every=0", "checkpoint.every=null"});
  bool has_right = false, has_wrong = false;
  for (const Json& prediction : run.at("predictions")) {
    bool all_right = true;
    for (const Json& place : prediction.at("places")) {
      all_right = all_right && place.at("top")[0].at("token") == place.at("target");
    }
    EXPECT_EQ(prediction.at("right"), all_right);
    (all_right ? has_right : has_wrong) = true;
  }
  EXPECT_TRUE(has_right);
  EXPECT_TRUE(has_wrong);
}

// All examples of the test are shown, so their targets' probabilities give the loss of the test.
TEST_F(Report, ProbabilitiesAreTheModels) {
  const Json run = trained("small.yaml", {"task.test_size=6"});
  double loss = 0;
  int count = 0;
  for (const Json& prediction : run.at("predictions")) {
    for (const Json& place : prediction.at("places")) {
      loss -= std::log(place.at("target_probability").get<double>());
      ++count;
    }
  }
  EXPECT_EQ(count, 36);
  const auto figure = std::ranges::find(run.at("figures"), Json("test/loss"), [](const Json& f) { return f["name"]; });
  ASSERT_NE(figure, run.at("figures").end());
  EXPECT_NEAR(loss / count, (*figure)["value"].get<double>(), 2e-4);  // probabilities of about 0.1 have 5 digits
}

TEST_F(Report, ConfigTellsWhatDiffers) {
  const Json run = trained("small.yaml");
  const auto key = [&](const std::string& name) {
    for (const Json& entry : run.at("config")) {
      if (entry.at("key") == name) return entry;
    }
    return Json();
  };
  EXPECT_EQ(key("train.batch_size"),
            Json({{"key", "train.batch_size"}, {"value", "32"}, {"default", "64"}, {"differs", true}}));
  EXPECT_EQ(key("train.dtype").at("differs"), false);
  EXPECT_EQ(key("model.num_heads").at("value"), "2");
}

TEST_F(Report, OfADecoder) {
  write_bytes(folder.path / "recall.yaml", R"(
task: {name: recall, vocab_size: 16, seq_len: 12, num_pairs: 2, train_size: 100, val_size: 10, test_size: 10}
model: {kind: decoder, num_layers: 2, num_heads: 2, num_kv_heads: 1, d_model: 16, window: 5, position: rope}
train: {max_steps: 6, batch_size: 8}
checkpoint: {every: 3}
)");
  const Json run = trained("recall.yaml");
  EXPECT_EQ(run.at("missing"), Json::array());
  const Json& weights = run.at("attention").at("maps")[0].at("weights")[0][0];
  // The window's band: of 12 queries in two bytes each, the first sees itself alone.
  EXPECT_EQ(weights.at("visible").at("shape"), Json({12, 2}));
  const Json& place = run.at("predictions")[0].at("places")[0];
  ASSERT_EQ(place.at("layers").size(), 3u);
  EXPECT_EQ(place.at("layers")[0].at("name"), "embedding");
  EXPECT_EQ(place.at("layers")[2].at("name"), "blocks.1");
  // After the last block the lens is the model.
  EXPECT_EQ(place.at("layers")[2].at("target_probability"), place.at("target_probability"));
}

TEST_F(Report, LongSequencesAreKeptAsFactors) {
  write_bytes(folder.path / "long.yaml", R"(
task: {name: repeat, vocab_size: 16, seq_len: 300, train_size: 20, val_size: 4, test_size: 4}
model: {kind: decoder, num_layers: 1, num_heads: 4, num_kv_heads: 2, d_model: 16, position: alibi}
train: {max_steps: 2, batch_size: 4}
)");
  const Json run = trained("long.yaml");
  const Json& map = run.at("attention").at("maps")[0];
  const Json& weights = map.at("weights")[0][0];
  EXPECT_EQ(map.at("kv_heads"), 2);
  EXPECT_EQ(weights.at("kind"), "factors");
  EXPECT_EQ(weights.at("query").at("shape"), Json({4, 300, 4}));
  EXPECT_EQ(weights.at("key").at("shape"), Json({2, 300, 4}));
  EXPECT_EQ(weights.at("normalizer").at("shape"), Json({4, 300}));
  EXPECT_EQ(weights.at("scale"), 0.5);
  EXPECT_EQ(weights.at("causal"), true);
  EXPECT_EQ(weights.at("lengths"), 300);
  EXPECT_EQ(weights.at("bias_slopes"), Json({0.25, 0.0625, 0.015625, 0.00390625}));
  EXPECT_EQ(run.at("predictions")[0].at("cut"), true);
}

// Weights without a softmax are negative too, and have no factors.
TEST_F(Report, OfLinearAttention) {
  const char* const config = R"(
task: {{name: window_sum, length: {}, train_size: 40, val_size: 8, test_size: 8}}
model: {{kind: decoder, num_layers: 1, num_heads: 1, d_model: 16, attention: linear, tie_embeddings: false,
        init_deviation: 0.5}}
train: {{max_steps: 2, batch_size: 8}}
)";
  write_bytes(folder.path / "short.yaml", fmt::format(fmt::runtime(config), 8));
  const Json run = trained("short.yaml");
  EXPECT_EQ(run.at("missing"), Json::array());
  const Json& map = run.at("attention").at("maps")[0];
  const Json& range = map.at("weights")[0][0].at("range");
  EXPECT_LT(range[0], 0);
  EXPECT_GE(range[1], 1);
  EXPECT_EQ(map.at("heads_labels")[0][0].at("scores"), Json::object());
  fs::remove_all(folder.path / "run");
  write_bytes(folder.path / "long.yaml", fmt::format(fmt::runtime(config), 200));
  const Json long_run = trained("long.yaml");
  EXPECT_TRUE(mentions(long_run.at("missing"), "without a softmax")) << long_run.at("missing");
  EXPECT_TRUE(long_run.at("attention").at("maps")[0].at("weights")[0][0].is_null());
}

TEST_F(Report, OfAnEncoderDecoder) {
  std::string pairs;
  for (const char a : std::string("abcdefgh")) {
    for (const char b : std::string("abcdefgh")) pairs += fmt::format("{}{}\t{}{}{}\n", a, b, b, a, a);
  }
  write_bytes(folder.path / "pairs.tsv", pairs);
  write_bytes(folder.path / "pairs.yaml", R"(
task: {name: pairs, path: pairs.tsv, val_fraction: 0.2, test_fraction: 0.2}
model: {kind: encoder_decoder}
train: {max_steps: 4, batch_size: 8}
)");
  const Json run = trained("pairs.yaml");
  const Json& sequences = run.at("examples")[0].at("sequences");
  ASSERT_EQ(sequences.at("source").size(), 2u);
  ASSERT_EQ(sequences.at("tokens").size(), 4u);
  EXPECT_EQ(sequences.at("tokens")[0], "<end>");
  EXPECT_EQ(sequences.at("tokens")[1], sequences.at("source")[1]);
  bool has_cross = false;
  for (const Json& map : run.at("attention").at("maps")) {
    if (map.at("name").get<std::string>().find("cross") == std::string::npos) continue;
    has_cross = true;
    EXPECT_EQ(map.at("queries"), "tokens");
    EXPECT_EQ(map.at("keys"), "source");
    EXPECT_EQ(map.at("weights")[0][0].at("values").at("shape")[2], 2);
  }
  EXPECT_TRUE(has_cross);
  EXPECT_EQ(run.at("embeddings").size(), 2u);
}

TEST_F(Report, OfAClassifier) {
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += i % 2 == 0 ? fmt::format("good\tbon {}\n", i) : fmt::format("bad\tmal {}\n", i);
  write_bytes(folder.path / "labels.tsv", lines);
  write_bytes(folder.path / "labelled.yaml", R"(
task: {name: labelled, path: labels.tsv, min_count: 1}
model: {kind: classifier, pooling: cls}
train: {max_steps: 3, batch_size: 8}
)");
  const Json run = trained("labelled.yaml");
  const Json& place = run.at("predictions")[0].at("places")[0];
  EXPECT_EQ(place.at("place"), -1);
  EXPECT_TRUE(place.at("target") == "good" || place.at("target") == "bad");
  EXPECT_EQ(place.at("top").size(), 2u);
  const Json& tokens = run.at("examples")[0].at("sequences").at("tokens");
  EXPECT_EQ(tokens[0], "[CLS]");
  EXPECT_EQ(run.at("attention").at("maps")[0].at("weights")[0][0].at("values").at("shape")[1], tokens.size());
}

TEST_F(Report, OfRealNumbers) {
  write_bytes(folder.path / "real.yaml", R"(
task: {name: chebyshev}
model: {kind: mlp}
train: {max_steps: 3, batch_size: 4}
)");
  const Json run = trained("real.yaml");
  EXPECT_FALSE(run.contains("attention"));
  EXPECT_FALSE(run.contains("predictions"));
  EXPECT_FALSE(run.contains("calibration"));
  EXPECT_FALSE(run.contains("examples"));  // vectors of one number are no sequences
  EXPECT_GT(run.at("spectra").size(), 0u);
  EXPECT_GT(run.at("curves").at("metrics").size(), 3u);
}

TEST_F(Report, SeveralRunsSideBySide) {
  trained("small.yaml");
  train_run(folder.path, "small.yaml", "other", {"seed=8", "train.max_steps=7"});
  const Outcome outcome = run({"report", "run", "other", "--output", "both.html"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "report: both.html\n");
  const Json report = data_of(read("both.html"));
  ASSERT_EQ(report.at("runs").size(), 2u);
  EXPECT_EQ(report.at("runs")[0].at("step"), 60);
  EXPECT_EQ(report.at("runs")[1].at("step"), 7);
}

TEST_F(Report, SideFilesAreShown) {
  trained("small.yaml");
  EXPECT_EQ(run({"landscape", "run", "--points", "5", "--output", "run/landscape.tsv"}).status, 0);
  EXPECT_EQ(run({"landscape", "run/checkpoints/step-10", "run", "--points", "7", "--output", "run/landscape_line.tsv"})
                .status,
            0);
  run({"gradcheck", "small.yaml", "--json", "run/gradcheck.json"});
  Json run = reported();
  EXPECT_EQ(run.at("missing"), Json::array());
  EXPECT_EQ(run.at("landscape").at("line").at("positions").size(), 7u);
  EXPECT_EQ(run.at("landscape").at("plane").at("x").size(), 5u);
  ASSERT_EQ(run.at("landscape").at("plane").at("losses").size(), 5u);
  EXPECT_EQ(run.at("landscape").at("plane").at("losses")[4].size(), 5u);
  EXPECT_GT(run.at("gradcheck").at("rows").size(), 10u);
  write_bytes(folder.path / "run/landscape.tsv", "x\ty\tloss\n1\t2\n");
  write_bytes(folder.path / "run/gradcheck.json", "{");
  run = reported();
  EXPECT_TRUE(mentions(run.at("missing"), "landscape.tsv: it is damaged"));
  EXPECT_TRUE(mentions(run.at("missing"), "gradcheck.json: it is damaged"));
  EXPECT_FALSE(run.contains("gradcheck"));
}

}  // namespace
}  // namespace transformlet
