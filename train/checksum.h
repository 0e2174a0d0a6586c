// CRC-32, the checksum of zip, gzip and PNG (`crc32` on the command line, zlib.crc32 in Python): finds damaged files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace transformlet {

// The checksum of bytes that follow those of checksum `before`.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

struct FileDigest {
  int64_t bytes = 0;
  uint32_t crc32 = 0;

  bool operator==(const FileDigest&) const = default;
};

FileDigest digest_of_file(const std::filesystem::path& path);

}  // namespace transformlet
