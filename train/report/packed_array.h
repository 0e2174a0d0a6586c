// Many numbers as a short text in JSON: {"dtype": "f32", "shape": [2, 3], "data": "eJ.."}: row-major, little-endian,
// deflated (zlib's format, RFC 1950), in base64. What the report's page reads (study/report/README.md).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace transformlet {

nlohmann::ordered_json packed_array(std::span<const float> values, const std::vector<int64_t>& shape);
nlohmann::ordered_json packed_array(std::span<const int32_t> values, const std::vector<int64_t>& shape);
nlohmann::ordered_json packed_array(std::span<const uint16_t> values, const std::vector<int64_t>& shape);
nlohmann::ordered_json packed_array(std::span<const uint8_t> values, const std::vector<int64_t>& shape);

}  // namespace transformlet
