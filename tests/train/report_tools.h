// What tests of reports share: packed arrays, unpacked.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace transformlet {

inline std::string decoded(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    if (digit == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(digits.find(digit));
    if (count += 6; count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

template <class T>
std::vector<T> unpacked(const nlohmann::ordered_json& packed) {
  size_t count = 1;
  for (const size_t axis : packed.at("shape")) count *= axis;
  std::vector<T> values(count);
  const std::string bytes = decoded(packed.at("data"));
  uLongf size = count * sizeof(T);
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(values.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                       bytes.size()),
            Z_OK);
  EXPECT_EQ(size, count * sizeof(T));
  return values;
}

}  // namespace transformlet
