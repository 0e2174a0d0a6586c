// Numbers on their way into a report: packed arrays, thinned curves, and text files that may be damaged.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/train/report_tools.h"
#include "tests/train/storage_tools.h"
#include "train/report/curves.h"
#include "train/report/packed_array.h"
#include "train/report/run_files.h"
#include "train/report/series.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

// Python's base64.b64encode(zlib.compress(bytes)) gives these texts.
TEST(PackedArray, IsZlibInBase64) {
  EXPECT_EQ(packed_array(std::vector<uint8_t>{1, 2, 3}, {3}).dump(),
            R"({"dtype":"u8","shape":[3],"data":"eJxjZGIGAAANAAc="})");
  EXPECT_EQ(packed_array(std::vector<int32_t>{-1, 256}, {2, 1}).dump(),
            R"({"dtype":"i32","shape":[2,1],"data":"eJz7////fwZGBgYAGfED/g=="})");
}

TEST(PackedArray, ComesBack) {
  RandomStream stream(RandomKey(4));
  for (size_t size : {0, 1, 2, 3, 1000}) {
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(stream.normal());
    const auto shape = std::vector<int64_t>{static_cast<int64_t>(size)};
    EXPECT_EQ(unpacked<float>(packed_array(values, shape)), values);
    std::vector<uint16_t> small(size);
    for (uint16_t& value : small) value = static_cast<uint16_t>(stream.below(65536));
    EXPECT_EQ(unpacked<uint16_t>(packed_array(small, shape)), small);
  }
  EXPECT_THROW(packed_array(std::vector<float>(5), {2, 3}), Error);
}

TEST(Curves, ThinningKeepsExtremesAndEnds) {
  RandomStream stream(RandomKey(5));
  Series series{.name = "x"};
  for (int i = 0; i < 10000; ++i) series.add(3 * i, stream.normal());
  series.values[4321] = 50;
  series.values[8765] = -50;
  series.values[17] = NAN;
  Series thinned = series;
  thin(thinned, 100);
  EXPECT_LE(thinned.size(), 100u);
  EXPECT_GE(thinned.size(), 90u);
  EXPECT_EQ(thinned.recorded, 10000);
  EXPECT_EQ(thinned.steps.front(), 0);
  EXPECT_EQ(thinned.steps.back(), 3 * 9999);
  EXPECT_EQ(*std::ranges::max_element(thinned.values), 50);
  EXPECT_EQ(*std::ranges::min_element(thinned.values), -50);
  EXPECT_TRUE(std::ranges::is_sorted(thinned.steps));
  for (size_t i = 0; i < thinned.size(); ++i) {  // every point is one that was there
    EXPECT_EQ(thinned.values[i], series.values[static_cast<size_t>(thinned.steps[i] / 3)]);
  }
}

TEST(Curves, ALongRunIsThinnedAsItIsRead) {
  Series series{.name = "x"};
  for (int i = 0; i < 1000000; ++i) series.add(i, i == 345678 ? 9 : 1);
  EXPECT_LE(series.size(), 131072u);
  EXPECT_EQ(series.recorded, 1000000);
  EXPECT_EQ(*std::ranges::max_element(series.values), 9);
  EXPECT_EQ(series.steps.back(), 999999);
}

TEST(Curves, MetricsOfTheSameStepsShareAnAxis) {
  Series a{.name = "a"}, b{.name = "b"}, c{.name = "c"};
  for (int i = 0; i < 5; ++i) {
    a.add(i, 0.1 * i);
    b.add(i, i == 2 ? INFINITY : -i);
    if (i % 2 == 0) c.add(i, 7);
  }
  const Json curves = curves_json({a, b, c}, 100);
  ASSERT_EQ(curves["axes"].size(), 2u);
  EXPECT_EQ(unpacked<int32_t>(curves["axes"][1]), (std::vector<int32_t>{0, 2, 4}));
  const Json& metrics = curves["metrics"];
  EXPECT_EQ(metrics[0]["axis"], 0);
  EXPECT_EQ(metrics[1]["axis"], 0);
  EXPECT_EQ(metrics[2]["axis"], 1);
  EXPECT_EQ(metrics[0]["maximum"], 0.4);
  EXPECT_EQ(metrics[1]["minimum"], -4);
  EXPECT_TRUE(std::isnan(unpacked<float>(metrics[1]["values"])[2]));
}

class RunFilesTest : public testing::Test {
 protected:
  RunFiles files(const std::string& metrics, const std::string& events = "") const {
    write_bytes(folder.path / "metrics.jsonl", metrics);
    write_bytes(folder.path / "events.jsonl", events);
    write_bytes(folder.path / "environment.json", R"({"cpu": "some"})");
    return read_run_files(folder.path);
  }

  TemporaryFolder folder;
};

TEST_F(RunFilesTest, DamagedLinesCostThemselves) {
  const RunFiles read = files(
      "{\"step\": 1, \"a\": 1.5, \"b\": 2}\n"
      "{\"step\": 2, \"a\": null, \"b\": \"NaN\"}\n"
      "{\"step\": 3, \"a\": [1]}\n"
      "\x80\x81 nonsense\n"
      "{\"a\": 4}\n"
      "{\"step\": 5, \"b\": 6, \"c\": 7}\n"
      "{\"step\": 6, \"a\": 8, \"b\"");
  ASSERT_EQ(read.missing.size(), 2u);
  EXPECT_EQ(read.missing[0], "metrics.jsonl: its last line is half-written, and left out");
  EXPECT_EQ(read.missing[1], "metrics.jsonl: 3 lines are damaged, and left out; the first is line 3");
  EXPECT_EQ(read.find("a")->steps, (std::vector<int32_t>{1, 2}));
  EXPECT_TRUE(std::isnan(read.find("a")->values[1]));
  EXPECT_EQ(read.find("b")->steps, (std::vector<int32_t>{1, 2, 5}));
  EXPECT_EQ(read.find("b")->values[2], 6);
  EXPECT_EQ(read.find("c")->values[0], 7);
  EXPECT_EQ(read.last_step(), 5);
}

TEST_F(RunFilesTest, EventsTellStateAndTime) {
  const std::string started = R"({"time": "2026-01-31T23:59:50.000Z", "event": "started", "threads": 2})"
                              "\n";
  const std::string saved = R"({"time": "2026-02-01T00:00:00.500Z", "event": "saved", "step": 100})"
                            "\n";
  const std::string resumed = R"({"time": "2026-02-02T00:00:00.000Z", "event": "resumed", "step": 100})"
                              "\n";
  const std::string finished = R"({"time": "2026-02-02T00:00:02.000Z", "event": "finished", "step": 200})"
                               "\n";
  EXPECT_STREQ(files("", started + saved).state(), "unfinished");
  EXPECT_DOUBLE_EQ(*files("", started + saved).seconds(), 10.5);
  const RunFiles whole = files("", started + saved + resumed + finished);
  EXPECT_STREQ(whole.state(), "finished");
  EXPECT_DOUBLE_EQ(*whole.seconds(), 12.5);  // the night between counts for nothing
  EXPECT_EQ(whole.events[0].text, "threads: 2");
  EXPECT_EQ(whole.events[1].step, 100);
  EXPECT_STREQ(files("", started + finished + resumed).state(), "unfinished");
}

TEST_F(RunFilesTest, AnEmptyFolderMissesAll) {
  const RunFiles read = read_run_files(folder.path / "none");
  EXPECT_EQ(read.missing,
            (std::vector<std::string>{"metrics.jsonl: there is no such file", "events.jsonl: there is no such file",
                                      "environment.json: there is no such file"}));
}

}  // namespace
}  // namespace transformlet
