#include "base/name_patterns.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace transformlet {
namespace {

TEST(NamePatterns, StarsStandForAnything) {
  for (const char* const pattern : {"a.b.c", "*", "a*", "*c", "a.*.c", "*b*", "a.b.c*", "**", "*.*.*"}) {
    EXPECT_TRUE(matches_pattern(pattern, "a.b.c")) << pattern;
  }
  for (const char* const pattern : {"", "a.b", "b*", "*b", "a.*.*.c", "A.b.c"}) {
    EXPECT_FALSE(matches_pattern(pattern, "a.b.c")) << pattern;
  }
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_EQ(pattern_distance("kitten", "sitting"), 3);  // Levenshtein's usual example
  EXPECT_EQ(pattern_distance("*kitten", "a sitting"), 3);
  EXPECT_EQ(pattern_distance("blocks.*.head", "blocks.12.heads"), 1);
}

TEST(NamePatterns, ChooseNamesInTheirOrder) {
  const std::vector<std::string> names = {"x.1.a", "x.1.b", "x.11.a", "y"};
  EXPECT_EQ(matching_names("keys", {"y", "x.1.*"}, "name", names), (std::vector<std::string>{"x.1.a", "x.1.b", "y"}));
  EXPECT_TRUE(matching_names("keys", {}, "name", names).empty());
  try {
    matching_names("keys", {"y", "x.2.a"}, "name", names);
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()), "keys: 'x.2.a' matches no name; near are x.1.a, x.1.b, x.11.a");
  }
}

}  // namespace
}  // namespace transformlet
