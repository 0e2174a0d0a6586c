// metrics.jsonl: the bytes of a line, and going on after a stop.
#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

class MetricsTest : public testing::Test {
 protected:
  TemporaryFolder folder;
  fs::path path = folder.path / "metrics.jsonl";
};

TEST_F(MetricsTest, WritesTheseBytes) {
  MetricsWriter metrics(path);
  metrics.log(10, {{"train/loss", 1.5}, {"train/tokens", 2048}, {"accuracy", 1.0}});
  metrics.log(10, {});
  EXPECT_EQ(bytes_of_file(path),
            "{\"step\": 10, \"train/loss\": 1.5, \"train/tokens\": 2048, \"accuracy\": 1.0}\n{\"step\": 10}\n");
}

TEST_F(MetricsTest, NumbersAreAsShortAsTheyCanBe) {
  EXPECT_EQ(json_number(0.1), "0.1");
  EXPECT_EQ(json_number(-0.0), "-0.0");
  EXPECT_EQ(json_number(1e22), "1e+22");
  EXPECT_EQ(json_number(5e-324), "5e-324");
  EXPECT_EQ(json_number(2.0 / 3), "0.6666666666666666");
  EXPECT_EQ(json_number(std::nan("")), "\"NaN\"");
  EXPECT_EQ(json_number(std::numeric_limits<double>::infinity()), "\"Infinity\"");
  EXPECT_EQ(json_number(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
  for (double x = 1e-300; x < 1e300; x *= 1234.56789) {
    EXPECT_EQ(nlohmann::json::parse(json_number(x)).get<double>(), x);
  }
}

TEST_F(MetricsTest, RefusesWhatNobodyCouldRead) {
  MetricsWriter metrics(path);
  metrics.log(3, {});
  EXPECT_EQ(error_of([&] { metrics.log(3, {{"a", 1}, {"a", 2}}); }), "'a' is given twice");
  EXPECT_EQ(error_of([&] { metrics.log(3, {{"step", 1}}); }), "'step' is given twice");
  EXPECT_TRUE(error_of([&] { metrics.log(2, {}); }).ends_with("metrics of step 2 came after those of step 3"));
  EXPECT_EQ(bytes_of_file(path), "{\"step\": 3}\n");
}

void log_steps(const fs::path& path, int64_t first, int64_t last) {
  MetricsWriter metrics(path);
  for (int64_t step = first; step <= last; ++step) {
    metrics.log(step, {{"train/loss", 1 / static_cast<double>(step)}});
    if (step % 5 == 0) metrics.log(step, {{"val/loss", std::sqrt(static_cast<double>(step))}});
  }
}

TEST_F(MetricsTest, AResumedRunHasTheBytesOfOneThatWasNeverStopped) {
  log_steps(path, 1, 30);
  const std::string whole = bytes_of_file(path);
  for (size_t length = 0; length <= whole.size(); ++length) {  // stopped after any byte
    const std::string left = whole.substr(0, length);
    write_bytes(path, left);
    const bool has_checkpoint = left.find("{\"step\": 11,") != std::string::npos;
    if (!has_checkpoint) continue;  // a checkpoint of step 10 is saved after the lines of step 10
    cut_metrics(path, 10);
    log_steps(path, 11, 30);
    ASSERT_EQ(bytes_of_file(path), whole) << "stopped after byte " << length;
  }
}

TEST_F(MetricsTest, CutsWhatACrashLeaves) {
  const std::string kept = "{\"step\": 1}\n{\"step\": 2, \"a\": 1}\n";
  for (const std::string& rest : {std::string(), std::string("{\"step\": 2"), std::string(100, '\0'),
                                  std::string(100, '\0') + "\n", std::string("{\"step\": 3}\n{\"step\": 4}\n")}) {
    write_bytes(path, kept + rest);
    cut_metrics(path, 2);
    EXPECT_EQ(bytes_of_file(path), kept);
  }
  cut_metrics(path, 0);
  EXPECT_EQ(bytes_of_file(path), "");
  cut_metrics(folder.path / "none", 3);
  EXPECT_FALSE(fs::exists(folder.path / "none"));
}

TEST_F(MetricsTest, SaysWhichLineIsDamaged) {
  write_bytes(path, "{\"step\": 1}\nrubbish\n{\"step\": 2}\n");
  EXPECT_EQ(error_of([&] { cut_metrics(path, 2); }),
            path.string() + ":2: it is no line of metrics; mend or remove it to go on");
}

}  // namespace
}  // namespace transformlet
