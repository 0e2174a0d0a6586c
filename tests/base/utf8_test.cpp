// UTF-8: every code point there and back, and what RFC 3629 does not allow.
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace transformlet {
namespace {

TEST(Utf8, EveryCodePointComesBack) {
  for (char32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    const std::string bytes = utf8_of(code_point);
    const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
    ASSERT_EQ(utf8_length(bytes, 0), is_surrogate ? 0 : bytes.size()) << static_cast<uint32_t>(code_point);
    ASSERT_TRUE(code_point_of(bytes) == code_point);
  }
  EXPECT_EQ(utf8_of(U'A'), "A");
  EXPECT_EQ(utf8_of(U'é'), "\xc3\xa9");
  EXPECT_EQ(utf8_of(U'€'), "\xe2\x82\xac");
  EXPECT_EQ(utf8_of(U'😀'), "\xf0\x9f\x98\x80");
}

TEST(Utf8, RefusesWhatIsNone) {
  for (const std::string bytes : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe2\x82",
                                  "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(bytes, 0), 0u);
    EXPECT_EQ(utf8_prefix("é" + bytes + "é"), 2u);
  }
  EXPECT_EQ(utf8_prefix("é€"), 5u);
}

TEST(Utf8, PlacesCountFromOne) {
  const std::string text =
      "ab\n\nc\xc3\xa9"
      "d";
  EXPECT_EQ(line_and_column(text, 0), "1:1");
  EXPECT_EQ(line_and_column(text, 2), "1:3");
  EXPECT_EQ(line_and_column(text, 3), "2:1");
  EXPECT_EQ(line_and_column(text, 4), "3:1");
  EXPECT_EQ(line_and_column(text, 7), "3:4");
}

}  // namespace
}  // namespace transformlet
