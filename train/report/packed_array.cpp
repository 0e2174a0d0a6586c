#include "train/report/packed_array.h"

#include <zlib.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace transformlet {
namespace {

static_assert(std::endian::native == std::endian::little);

std::string deflated(const void* data, size_t size) {
  uLongf length = compressBound(size);
  std::string result(length, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(result.data()), &length, static_cast<const Bytef*>(data), size,
                               Z_DEFAULT_COMPRESSION);
  require(status == Z_OK, "zlib can't deflate {} bytes (status {})", size, status);
  result.resize(length);
  return result;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

nlohmann::ordered_json packed(const char* dtype, const void* data, size_t count, size_t size_of_one,
                              const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (const int64_t axis : shape) size *= axis;
  require(size == static_cast<int64_t>(count), "packed_array: {} numbers don't fill the shape of {}", count, size);
  return {{"dtype", dtype}, {"shape", shape}, {"data", base64(deflated(data, count * size_of_one))}};
}

}  // namespace

nlohmann::ordered_json packed_array(std::span<const float> values, const std::vector<int64_t>& shape) {
  return packed("f32", values.data(), values.size(), sizeof(float), shape);
}

nlohmann::ordered_json packed_array(std::span<const int32_t> values, const std::vector<int64_t>& shape) {
  return packed("i32", values.data(), values.size(), sizeof(int32_t), shape);
}

nlohmann::ordered_json packed_array(std::span<const uint16_t> values, const std::vector<int64_t>& shape) {
  return packed("u16", values.data(), values.size(), sizeof(uint16_t), shape);
}

nlohmann::ordered_json packed_array(std::span<const uint8_t> values, const std::vector<int64_t>& shape) {
  return packed("u8", values.data(), values.size(), sizeof(uint8_t), shape);
}

}  // namespace transformlet
