#include "train/config/differences.h"

#include <gtest/gtest.h>

#include "tests/train/config_example.h"
#include "tests/train/storage_tools.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

std::string told(const std::string& a, const std::string& b) {
  std::string text;
  for (const auto& [key, value, other] : config_differences("a.yaml", a, "b.yaml", b)) {
    text += fmt::format("{}: {} | {}\n", key, value, other);
  }
  return text;
}

TEST(ConfigDifferences, NamesEveryKeyWithBothValues) {
  const auto written = [](const std::vector<std::string>& overrides) {
    return write_config(read_example(smallest_example, overrides));
  };
  const std::string text = written({});
  EXPECT_EQ(told(text, text), "");
  EXPECT_EQ(told(text, written({"model.dropout=0.25", "train.max_steps=20", "train.seeds=[7, 8]"})),
            "model.dropout: 0.0 | 0.25\ntrain.max_steps: 10 | 20\ntrain.seeds: [1, 2] | [7, 8]\n");
}

TEST(ConfigDifferences, KeysThatOnlyOneHas) {
  EXPECT_EQ(told("a: 1\nb: {c: 2, d: null}\ne: {}\n", "f: '1'\nb: {d: 3, g: [x, [y]]}\ne: {h: {i: 0}}\n"),
            "a: 1 | -\nb.c: 2 | -\nb.d: null | 3\ne: {} | -\nf: - | \"1\"\nb.g: - | [x, [y]]\ne.h.i: - | 0\n");
  EXPECT_EQ(told("a: 1\n", "a: '1'\n"), "a: 1 | \"1\"\n");
}

TEST(ConfigDifferences, RefusesWhatIsNoYaml) {
  EXPECT_EQ(error_of([] { told("a: 1\n", "a: [1\n"); }).substr(0, 7), "b.yaml:");
}

}  // namespace
}  // namespace transformlet
