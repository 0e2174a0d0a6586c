// Safetensors files written by hand.
#pragma once

#include <cstdint>
#include <string>

namespace transformlet {

inline std::string little_endian(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  return bytes;
}

inline std::string with_header(const std::string& header, const std::string& data) {
  return little_endian(header.size()) + header + data;
}

}  // namespace transformlet
