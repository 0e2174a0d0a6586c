// What tests of `transformlet report` share: runs, and the data of their pages.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/program/program_tools.h"
#include "tests/program/small_config.h"

namespace transformlet {

using Json = nlohmann::ordered_json;

// The data in a page.
inline Json data_of(const std::string& page) {
  const std::string begin = R"(<script type="application/json" id="data">)", end = "</script>";
  const size_t from = page.find(begin) + begin.size();
  EXPECT_NE(page.find(begin), page.npos);
  EXPECT_EQ(page.find(begin, from), page.npos);
  return Json::parse(page.substr(from, page.find(end, from) - from));
}

inline bool mentions(const Json& missing, const std::string& words) {
  return std::ranges::any_of(
      missing, [&](const Json& sentence) { return sentence.get<std::string>().find(words) != std::string::npos; });
}

class Report : public testing::Test {
 protected:
  Report() { write_bytes(folder.path / "small.yaml", small_config); }

  Outcome run(const Arguments& arguments) const { return run_program(folder.path, arguments); }
  std::string read(const std::string& path) const { return bytes_of_file(folder.path / path); }

  // Trains, without a page, and gives what a report says of it.
  Json trained(const std::string& config, const Arguments& overrides = {}) const {
    Arguments arguments = {"train", config, "--run", "run", "train.report=false"};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path / "run/report.html"));
    return reported();
  }

  Json reported() const {
    const Outcome outcome = run({"report", "run"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "report: run/report.html\n");
    EXPECT_EQ(outcome.err, "");
    const Json report = data_of(read("run/report.html"));
    EXPECT_EQ(report.at("format"), 1);
    EXPECT_EQ(report.at("runs").size(), 1u);
    return report.at("runs")[0];
  }

  TemporaryFolder folder;
};

}  // namespace transformlet
