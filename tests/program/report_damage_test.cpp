// Reports where something is in the way: of broken runs, of texts with anything in them, at the end of trainings.
#include "tests/program/report_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

TEST_F(Report, TrainingEndsWithOne) {
  const Outcome outcome = run({"train", "small.yaml", "--run", "run", "train.max_steps=3"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(outcome.err.ends_with("report: run/report.html\n")) << outcome.err;
  EXPECT_TRUE(outcome.out.ends_with("run: run\n")) << outcome.out;
  Json run_at_end = data_of(read("run/report.html")).at("runs")[0];
  // It says the same as one that is made later.
  EXPECT_EQ(run_at_end, reported());
}

// A folder in the file's place: root may write anywhere else.
TEST_F(Report, TrainingDoesNotFailForWantOfOne) {
  train_run(folder.path, "small.yaml", "run", {"train.max_steps=3"});
  fs::remove(folder.path / "run/report.html");
  fs::create_directories(folder.path / "run/report.html/in the way");
  const Outcome outcome = run({"train", "--resume", "run", "train.max_steps=4"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.err.find("warning: there is no report: run/report.html: "), std::string::npos) << outcome.err;
  const Outcome again = run({"report", "run"});
  EXPECT_EQ(again.status, 1);
  EXPECT_TRUE(again.err.starts_with("error: run/report.html: ")) << again.err;
}

TEST_F(Report, OfNoRunIsRefused) {
  fs::create_directories(folder.path / "empty");
  for (const std::string name : {"empty", "none", "small.yaml"}) {
    const Outcome outcome = run({"report", name});
    EXPECT_EQ(outcome.status, 2) << name;
    EXPECT_EQ(outcome.err,
              "report: " + name + " is not the folder of a run (it has neither config.yaml nor metrics.jsonl)\n");
  }
  EXPECT_EQ(run({"report"}).status, 2);
}

// What is broken is named, and all else is there.
TEST_F(Report, OfADamagedRun) {
  trained("small.yaml");
  const auto append = [&](const char* path, const std::string& text) {
    write_bytes(folder.path / path, read(path) + text);
  };
  append("run/metrics.jsonl", R"({"step": 60, "train/loss": nul)");
  append("run/events.jsonl", "{}\n");
  write_bytes(folder.path / "run/environment.json", "{");
  write_bytes(folder.path / "run/checkpoints/step-30/weights.safetensors", "x");
  fs::remove(folder.path / "run/checkpoints/step-60/state.json");
  const Json run = reported();
  const Json& missing = run.at("missing");
  EXPECT_TRUE(mentions(missing, "metrics.jsonl: its last line is half-written, and left out")) << missing;
  EXPECT_TRUE(mentions(missing, "events.jsonl: line ")) << missing;
  EXPECT_TRUE(mentions(missing, "environment.json: it is damaged")) << missing;
  EXPECT_TRUE(mentions(missing, "step-30")) << missing;
  EXPECT_TRUE(mentions(missing, "step-60")) << missing;
  EXPECT_EQ(run.at("checkpoints"), Json({10, 20, 40, 50}));
  EXPECT_EQ(run.at("attention").at("checkpoints"), Json({10, 20, 40, 50}));
  EXPECT_EQ(run.at("predictions").size(), 6u);
}

TEST_F(Report, OfARunOfAnotherVersion) {
  trained("small.yaml");
  const std::string config = read("run/config.yaml");
  write_bytes(folder.path / "run/config.yaml", config + "later: {key: <script>alert(1)</script>}\n");
  const Json run = reported();
  EXPECT_TRUE(mentions(run.at("missing"), "config.yaml: this program can't make the model again"));
  EXPECT_TRUE(mentions(run.at("missing"), "later: unknown key"));
  EXPECT_EQ(run.at("config").back().at("value"), "<script>alert(1)</script>");
  EXPECT_EQ(run.at("config").back().at("differs"), false);
  EXPECT_EQ(run.at("task"), "reverse");
  EXPECT_FALSE(run.contains("attention"));
  EXPECT_GT(run.at("curves").at("metrics").size(), 3u);
  EXPECT_EQ(run.at("spectra").size(), 12u);  // of the checkpoints alone
  EXPECT_EQ(read("run/report.html").find("<script>alert(1)"), std::string::npos);
}

TEST_F(Report, OfFilesAlone) {
  trained("small.yaml");
  fs::remove_all(folder.path / "run/checkpoints");
  EXPECT_TRUE(mentions(reported().at("missing"), "checkpoints: there is none"));
  fs::remove(folder.path / "run/config.yaml");
  EXPECT_TRUE(mentions(reported().at("missing"), "config.yaml"));
  fs::remove(folder.path / "run/events.jsonl");
  const Json run = reported();
  EXPECT_TRUE(mentions(run.at("missing"), "events.jsonl: there is no such file"));
  EXPECT_EQ(run.at("state"), "unfinished");
  EXPECT_TRUE(run.at("seconds").is_null());
  EXPECT_EQ(run.at("step"), 60);
  EXPECT_GT(run.at("curves").at("metrics").size(), 3u);
}

TEST_F(Report, OfANameThatIsNoUtf8) {
  train_run(folder.path, "small.yaml", "run\xff", {"train.max_steps=2", "train.report=false"});
  EXPECT_EQ(run({"report", "run\xff", "--output", "page.html"}).status, 0);
  EXPECT_TRUE(data_of(read("page.html")).at("runs")[0].at("name").get<std::string>().ends_with("run\xef\xbf\xbd"));
}

// Bytes of anybody's may be in a text: the page stays UTF-8, and nothing of it ends the data's element.
TEST_F(Report, OfATextWithAnything) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>(i * i % 251);
  for (int i = 0; i < 50; ++i) text += "</script><!-- \xe2\x80\xa8 \xff";
  write_bytes(folder.path / "text.bin", text);
  write_bytes(folder.path / "text.yaml", R"(
task: {name: text, path: text.bin, seq_len: 32, val_fraction: 0.2}
model: {kind: decoder, num_layers: 1, d_model: 16, num_heads: 1}
train: {max_steps: 2, batch_size: 4}
)");
  const Json run = trained("text.yaml");
  std::string all;
  for (const Json& example : run.at("examples")) {
    for (const Json& token : example.at("sequences").at("tokens")) all += token.get<std::string>();
  }
  EXPECT_NE(all.find("</script><!-- \\xe2\\x80\\xa8 \\xff"), std::string::npos) << all;
  const std::string page = read("run/report.html");
  EXPECT_NE(page.find("\\u003c"), std::string::npos);
}

}  // namespace
}  // namespace transformlet
