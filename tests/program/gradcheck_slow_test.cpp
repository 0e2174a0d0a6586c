// Gradient checks of the shipped configs, entry by entry.
#include <gtest/gtest.h>

#include "tests/program/program_tools.h"

namespace transformlet {
namespace {

// The config passes with so many entries of each tensor; 0: all.
void expect_pass(const std::string& config, const std::string& entries) {
  const TemporaryFolder folder;
  const Outcome outcome = run_program(folder.path, {"gradcheck", source_path("configs/" + config + ".yaml"),
                                                    "gradcheck.mode=full", "gradcheck.entries=" + entries});
  EXPECT_EQ(outcome.status, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.out.find("FAIL"), std::string::npos);
  EXPECT_NE(outcome.out.find("\npass: "), std::string::npos) << outcome.out;
}

TEST(FullGradcheck, Reverse) { expect_pass("reverse", "0"); }

TEST(FullGradcheck, Copy) { expect_pass("copy", "0"); }

// All of its 88,000 parameters, each checked three times, would take minutes.
TEST(FullGradcheck, Sort) { expect_pass("sort", "500"); }

TEST(FullGradcheck, Repeat) { expect_pass("repeat", "200"); }

}  // namespace
}  // namespace transformlet
