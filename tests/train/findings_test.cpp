// What a finding reads from metrics, and how it is judged: against numbers made by hand and tables of statistics.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/experiment.h"
#include "train/findings/outcome.h"

namespace transformlet {
namespace {

FindingMeasure measure(const std::string& take, std::optional<double> level = {}) {
  FindingMeasure result;
  result.take = take;
  result.level = level;
  return result;
}

const Series rising = {{0, 1}, {10, 4}, {20, 2}, {30, 5}, {40, 3}};

TEST(FindingMeasure, TakesOneNumberOfASeries) {
  EXPECT_EQ(taken(measure("first"), rising), 1);
  EXPECT_EQ(taken(measure("last"), rising), 3);
  EXPECT_EQ(taken(measure("max"), rising), 5);
  EXPECT_EQ(taken(measure("min"), rising), 1);
  EXPECT_EQ(taken(measure("mean"), rising), 3);
  EXPECT_EQ(taken(measure("rises_to", 4), rising), 10);
  EXPECT_EQ(taken(measure("falls_to", 2), rising), 0);
  EXPECT_EQ(taken(measure("rises_to", 6), rising), std::nullopt);
}

TEST(FindingMeasure, BeginsWhereItIsTold) {
  FindingMeasure late = measure("min");
  late.from_step = 10;
  EXPECT_EQ(taken(late, rising), 2);
  FindingMeasure high = measure("mean");
  high.from_level = 4;
  high.times = 2;
  EXPECT_EQ(taken(high, rising), 7);  // twice the mean of 4, 2, 5, 3
  high.from_level = 6;
  EXPECT_EQ(taken(high, rising), std::nullopt);
  FindingMeasure falls = measure("falls_to", 2);
  falls.from_step = 10;
  EXPECT_EQ(taken(falls, rising), 20);
}

TEST(FindingMeasure, ReadsTheLargestOrTheLastOfWhatMatches) {
  TemporaryFolder folder;
  const auto path = folder.path / "metrics.jsonl";
  write_bytes(path,
              "{\"step\": 0, \"a/0/x\": 2.5, \"a/1/x\": 1.5, \"a/1/y\": 9.0}\n"
              "{\"step\": 5, \"loss\": 3}\n"
              "{\"step\": 5, \"a/0/x\": 4, \"a/1/x\": \"NaN\"}\n");
  EXPECT_EQ(read_series(path, "a/*/x"), (Series{{0, 2.5}, {5, 4}}));
  EXPECT_EQ(read_series(path, "a/*/x", "last"), (Series{{0, 1.5}, {5, 4}}));
  EXPECT_EQ(read_series(path, "loss"), (Series{{5, 3}}));
  EXPECT_EQ(read_series(path, "*y"), (Series{{0, 9}}));
  EXPECT_THROW(read_series(path, "a/*/z"), Error);
  EXPECT_THROW(read_series(folder.path / "none", "loss"), Error);
  write_bytes(path, "{\"step\": 0, \"a\"");
  EXPECT_THROW(read_series(path, "a"), Error);
}

TEST(FindingMeasure, SlopesAreExponents) {
  EXPECT_NEAR(*log_log_slope({1, 2, 4, 8}, {3, 3 / std::sqrt(2), 1.5, 3 / std::sqrt(8)}), -0.5, 1e-14);
  EXPECT_EQ(log_log_slope({1, 2}, {1, 0}), std::nullopt);
}

// Abramowitz and Stegun, table 26.10 (of the quantile 0.975); the digits there are three after the point.
TEST(FindingEstimate, HasStudentsInterval) {
  EXPECT_EQ(student_t(1), 12.706);
  EXPECT_EQ(student_t(10), 2.228);
  EXPECT_NEAR(student_t(11), 2.201, 0.0025);
  EXPECT_NEAR(student_t(20), 2.086, 0.001);
  EXPECT_NEAR(student_t(60), 2.000, 0.001);
  const Estimate three = estimate({1, 2, 6});
  EXPECT_EQ(three.mean, 3);
  EXPECT_NEAR(*three.half_width, 4.303 * std::sqrt(7.0 / 3), 1e-12);  // the variance is (4 + 1 + 9) / 2
  EXPECT_FALSE(estimate({1}).half_width);
}

constexpr const char* finding_text = R"(
title: A title
source: a paper
claim: it is so.
seeds: 2
runs: {one: {config: a.yaml}}
measures: {high: {run: one, metric: x}, low: {run: one, metric: y}}
checks:
  apart: {says: difference, published: about 5, value: high, minus: low, at_least: 4, at_most: 6}
  times: {says: ratio, published: "3", value: high, divided_by: low, at_most: 2}
  alone: {says: high, published: "?", value: high, at_least: 0}
)";

TEST(FindingChecks, AreJudgedByTheMean) {
  const auto finding = read_config_text<PublishedFinding>("f.yaml", finding_text);
  const FindingOutcome outcome{"f", finding, judge(finding, {{"high", {8, 7}}, {"low", {2, 4}}})};
  ASSERT_EQ(outcome.checks.size(), 3u);
  EXPECT_TRUE(outcome.checks[0].holds);   // 6 and 3
  EXPECT_FALSE(outcome.checks[1].holds);  // 4 and 1.75
  EXPECT_FALSE(outcome.reproduced());
  EXPECT_EQ(outcome.checks[0].reached(), "4.5 ± 19");  // 12.706 times 1.5
  EXPECT_EQ(outcome.checks[0].bounds, "4 to 6");
  // What one run never reaches does not hold, whatever the others reach.
  const auto partly = judge(finding, {{"high", {8, std::nullopt}}, {"low", {2, 4}}});
  EXPECT_FALSE(partly[0].holds);
  EXPECT_EQ(partly[2].reached(), "8 (in 1 of 2 runs)");
  EXPECT_FALSE(partly[2].holds);
  EXPECT_EQ(judge(finding, {{"high", {{}, {}}}, {"low", {2, 4}}})[2].reached(), "never");
}

TEST(FindingPage, KeepsTheOtherSections) {
  TemporaryFolder folder;
  const auto page = folder.path / "page.md";
  const auto finding = read_config_text<PublishedFinding>("f.yaml", finding_text);
  const FindingOutcome first{"first", finding, judge(finding, {{"high", {8, 7}}, {"low", {2, 4}}})};
  FindingOutcome second = first;
  second.name = "second";
  write_section(page, first);
  const std::string alone = bytes_of_file(page);
  write_section(page, second);
  const std::string both = bytes_of_file(page);
  EXPECT_TRUE(both.starts_with(alone));
  write_section(page, first);
  EXPECT_EQ(bytes_of_file(page), both);
  const FindingOutcome other{"first", finding, judge(finding, {{"high", {80, 7}}, {"low", {2, 4}}})};
  write_section(page, other);
  EXPECT_NE(bytes_of_file(page).find("| difference | about 5 | 40.5 ±"), std::string::npos);
  EXPECT_NE(bytes_of_file(page).find("<!-- second -->"), std::string::npos);
}

TEST(FindingFile, SaysWhatIsWrong) {
  const auto refusal = [](const std::string& from, const std::string& to) {
    std::string text = finding_text;
    text.replace(text.find(from), from.size(), to);
    try {
      read_config_text<PublishedFinding>("f.yaml", text);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal("high: {run: one", "high: {run: two"),
            "f.yaml:7:11: measures: high: there is no run 'two'; there are one");
  EXPECT_EQ(refusal("minus: low", "minus: lower"),
            "f.yaml:9:3: checks: apart: there is no measure 'lower'; there are high, low");
  EXPECT_EQ(refusal(", at_least: 0", ""), "f.yaml:11:10: checks.alone.at_least: a check needs a bound");
  EXPECT_EQ(refusal("metric: x", "metric: x, take: rises_to"),
            "f.yaml:7:46: measures.high.level: rises_to and falls_to need a level, and nothing else takes one");
  EXPECT_EQ(refusal("config: a.yaml", "config: a.yaml, sweep: seed"),
            "f.yaml:6:37: runs.one.over: a sweep is over at least two values of a key");
  EXPECT_EQ(refusal("title: A title", "tilte: A title"),
            "f.yaml:2:1: title: required key is missing\nf.yaml:2:1: tilte: unknown key (did you mean title?)");
}

// All that are shipped, with all that they train.
TEST(PublishedFindings, CanBeRead) {
  const std::filesystem::path all = TRANSFORMLET_SOURCE_DIR "/configs";
  int64_t findings = 0, configs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(all / "findings")) {
    const auto finding = read_config_file<PublishedFinding>(entry.path());
    for (const auto& [name, run] : finding.runs) {
      std::vector<std::string> overrides = run.set;
      if (!run.sweep.empty()) overrides.push_back(fmt::format("{}={}", run.sweep, run.over.back()));
      EXPECT_NO_THROW(read_config_file<ExperimentConfig>(entry.path().parent_path() / run.config, overrides)) << name;
    }
    ++findings;
  }
  for (const auto& entry : std::filesystem::directory_iterator(all / "study")) {
    EXPECT_NO_THROW(read_config_file<ExperimentConfig>(entry.path())) << entry.path();
    ++configs;
  }
  EXPECT_GE(findings, 1);
  EXPECT_GE(configs, 1);
}

}  // namespace
}  // namespace transformlet
