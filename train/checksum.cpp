#include "train/checksum.h"

#include <fcntl.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "train/file_descriptor.h"

namespace transformlet {
namespace {

// table[k][b] is the checksum of byte b followed by k zero bytes, so that eight bytes cost eight look-ups and no chain.
constexpr auto tables = [] {
  std::array<std::array<uint32_t, 256>, 8> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320U : 0U);
    table[0][byte] = remainder;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      table[k][byte] = (table[k - 1][byte] >> 8) ^ table[0][table[k - 1][byte] & 0xff];
    }
  }
  return table;
}();

static_assert(std::endian::native == std::endian::little);

}  // namespace

uint32_t crc32(std::string_view bytes, uint32_t before) {
  uint32_t remainder = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t eight;
    std::memcpy(&eight, bytes.data(), 8);
    eight ^= remainder;
    remainder = 0;
    for (size_t k = 0; k < 8; ++k) remainder ^= tables[7 - k][(eight >> (8 * k)) & 0xff];
  }
  for (const char byte : bytes) {
    remainder = (remainder >> 8) ^ tables[0][(remainder ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return ~remainder;
}

FileDigest digest_of_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) fail_on_file(path, "cannot be read", errno);
  FileDigest digest;
  std::string block(size_t{1} << 18, '\0');
  while (true) {
    const ssize_t count = ::read(file.number(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_on_file(path, "cannot be read", errno);
    if (count == 0) return digest;
    digest.crc32 = crc32(std::string_view(block).substr(0, static_cast<size_t>(count)), digest.crc32);
    digest.bytes += count;
  }
}

}  // namespace transformlet
