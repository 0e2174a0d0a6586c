// Files of weights that are damaged or lie, by hand and at random: tensors or an Error come of them, never a crash,
// and never more memory than twice what the file has.
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>

#include "autograd/kernels/buffer.h"
#include "tests/train/heap_watch.h"
#include "tests/train/safetensors_tools.h"
#include "tests/train/storage_tools.h"
#include "train/safetensors.h"

namespace transformlet {
namespace {

struct Damage {
  uint64_t state;

  uint64_t below(uint64_t limit) {  // a small generator with a known sequence (splitmix64)
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % limit;
  }

  std::string apply(std::string bytes, size_t header_size) {
    static const char* const lies[] = {"0",
                                       "-1",
                                       "1e3",
                                       "4294967296",
                                       "9223372036854775807",
                                       "18446744073709551615",
                                       "99999999999999999999",
                                       "null",
                                       "\"\"",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       ",",
                                       "\"a\"",
                                       "\"F64\"",
                                       "\"I32\"",
                                       "\"shape\"",
                                       "1099511627776,1099511627776"};
    const size_t at = 8 + below(header_size), whole_size = bytes.size();
    switch (below(6)) {
      case 0:
        bytes.resize(below(bytes.size()));
        break;
      case 1:
        bytes[below(bytes.size())] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        bytes[at] ^= static_cast<char>(1 << below(8));
        break;
      case 3:
        bytes.replace(0, 8, little_endian(below(2) == 0 ? below(bytes.size()) : below(UINT64_MAX)));
        break;
      case 4: {  // a lie in the place of a number, or put in elsewhere, with the length that makes it fit
        size_t end = at;
        while (end < bytes.size() && isdigit(static_cast<unsigned char>(bytes[end]))) ++end;
        bytes.replace(at, end - at, lies[below(std::size(lies))]);
        bytes.replace(0, 8, little_endian(header_size + bytes.size() - whole_size));
        break;
      }
      default: {  // a piece of the header put in a second time, with the length that makes it fit
        const std::string piece = bytes.substr(at, below(8 + header_size - at) + 1);
        bytes.insert(at, piece);
        bytes.replace(0, 8, little_endian(header_size + piece.size()));
      }
    }
    return bytes;
  }
};

class SafetensorsDamage : public testing::Test {
 protected:
  SafetensorsDamage() {
    SafetensorsFile file{{}, {{"step", "10"}}};
    for (int i = 0; i < 6; ++i) {
      file.tensors.push_back({"block." + std::to_string(i), full({10, 20 + i}, i, DType::float32)});
      file.tensors.push_back({"bias." + std::to_string(i), full({20 + i}, i, DType::float64)});
    }
    write_safetensors(path, file);
    whole = bytes_of_file(path);
    std::memcpy(&header_size, whole.data(), 8);
  }

  // The error of reading these bytes, or "no error", within twice the file's memory. What is not the file's (names of
  // files, the message, the parser's own buffers) gets a fixed allowance; each buffer of the pool has at least 64
  // bytes.
  std::string read_error(const std::string& bytes) {
    constexpr int64_t fixed_costs = 8192;
    write_bytes(path, bytes);
    release_cached_memory();
    const PoolStatistics before = pool_statistics();
    const auto allowed = static_cast<int64_t>(2 * bytes.size());
    std::string text = "no error";
    const HeapWatch heap;
    try {
      read_safetensors(path);
    } catch (const Error& error) {
      text = error.what();
    }
    EXPECT_LE(heap.peak(), allowed + fixed_costs) << text;
    const PoolStatistics after = pool_statistics();
    EXPECT_EQ(after.live_bytes, before.live_bytes);
    EXPECT_LE(after.peak_live_bytes, std::max(before.peak_live_bytes, before.live_bytes + allowed + 64 * 16)) << text;
    if (text == "no error") return text;
    EXPECT_TRUE(text.starts_with(path.string() + ": ")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text.substr(path.string().size() + 2);
  }

  // The file with another header, whose length is right.
  std::string with_other_header(const std::string& header) const {
    return with_header(header, whole.substr(8 + header_size));
  }
  std::string header() const { return whole.substr(8, header_size); }

  TemporaryFolder folder;
  std::filesystem::path path = folder.path / "x.safetensors";
  std::string whole;
  uint64_t header_size = 0;
};

TEST_F(SafetensorsDamage, AnyBytesGiveTensorsOrAnError) {
  int errors = 0, reads = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Damage damage{seed};
    std::string bytes = damage.apply(whole, header_size);
    if (seed % 3 == 0 && bytes.size() > 8 + header_size) bytes = damage.apply(bytes, header_size);
    read_error(bytes) == "no error" ? ++reads : ++errors;
  }
  EXPECT_GT(errors, 1500);  // most damage is found ...
  EXPECT_GT(reads, 100);    // ... but not a flipped bit in a number, which is why checkpoints hold checksums
}

// The places of all digits, braces and the like in a header: not those in names, which may be any.
std::vector<size_t> places_that_matter(const std::string& header) {
  std::vector<size_t> places;
  bool in_name = false;
  for (size_t i = 0; i < header.size(); ++i) {
    if (header.compare(i, 7, "\"block.") == 0 || header.compare(i, 6, "\"bias.") == 0) in_name = true;
    if (!in_name && header[i] != ' ') places.push_back(i);
    if (in_name && header[i] == ':') in_name = false;
  }
  return places;
}

// Each of 200 files that say what is not so is refused.
TEST_F(SafetensorsDamage, EveryLieIsFound) {
  const std::string text = header().substr(header().find(R"("bias.0")"));  // past the metadata
  const size_t begin = header().size() - text.size();
  const std::vector<size_t> places = places_that_matter(text);
  ASSERT_GT(places.size(), 500U);
  const auto replaced = [&](size_t at, size_t size, const std::string& with) {
    return with_other_header(header().replace(at, size, with));
  };
  std::vector<std::pair<const char*, std::string>> files;
  Damage random{1};
  for (int i = 0; i < 40; ++i) files.emplace_back("cut", whole.substr(0, random.below(whole.size())));
  for (int i = 0; i < 40; ++i) {
    std::string bytes = whole;
    bytes[8 + begin + places[random.below(places.size())]] ^= static_cast<char>(1 << random.below(8));
    files.emplace_back("a bit flipped", bytes);
  }
  for (int i = 0; i < 20; ++i) {  // the length of the header
    std::string bytes = whole;
    bytes[random.below(8)] ^= static_cast<char>(1 << random.below(8));
    files.emplace_back("a bit of the length flipped", bytes);
  }
  for (int i = 0; i < 20; ++i) {
    files.emplace_back("a huge header", little_endian(whole.size() + random.below(UINT64_MAX / 2)) + whole.substr(8));
  }
  for (int i = 0; i < 40; ++i) {  // a number of a shape or an offset
    // From some place on, the next digit that begins a number of a list.
    const size_t from = std::min(places[random.below(places.size())], text.rfind('['));
    size_t at = text.find_first_of("[,", from) + 1;
    while (std::isdigit(static_cast<unsigned char>(text[at])) == 0) at = text.find_first_of("[,", at) + 1;
    size_t end = at;
    while (std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
    static const char* const numbers[] = {"1", "4096", "4294967295", "9223372036854775807", "18446744073709551615",
                                          "-8"};
    files.emplace_back("a number", replaced(begin + at, end - at, numbers[random.below(std::size(numbers))]));
  }
  for (int i = 0; i < 20; ++i) {  // the data of a tensor moved onto another's
    const std::string name = "\"block." + std::to_string(random.below(6)) + "\"";
    const size_t offsets = header().find("[", header().find("data_offsets", header().find(name))) + 1;
    const size_t comma = header().find(',', offsets), end = header().find(']', comma);
    const int64_t first = std::stoll(header().substr(offsets)), last = std::stoll(header().substr(comma + 1));
    const auto shift = static_cast<int64_t>(4 * (1 + random.below(static_cast<uint64_t>(first) / 4)));
    files.emplace_back("overlap", replaced(offsets, end - offsets, fmt::format("{},{}", first - shift, last - shift)));
  }
  for (int i = 0; i < 20; ++i) {
    const std::string name = "\"block." + std::to_string(random.below(6)) + "\"";
    const size_t at = header().find(name), end = header().find('}', at) + 1;
    const std::string entry = header().substr(at, end - at);
    files.emplace_back("twice",
                       random.below(2) == 0 ? replaced(at, 0, entry + ",") : replaced(end - 1, 0, R"(,"dtype":"F32")"));
  }
  ASSERT_EQ(files.size(), 200U);
  for (const auto& [lie, bytes] : files) {
    EXPECT_NE(read_error(bytes), "no error") << lie << ":\n" << bytes.substr(8, header_size + 40);
  }
}

// Entries of a header may be many: each costs five times what it takes in the file (measured), and no more is asked for
// at once.
TEST_F(SafetensorsDamage, AHeaderOfManyNamesCostsAFewTimesItself) {
  std::string entries;
  for (int i = 0; i < 20000; ++i) {
    entries += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", i == 0 ? "{" : ",", i);
  }
  const std::string bytes = with_header(entries + "}", "");
  write_bytes(path, bytes);
  const HeapWatch heap;
  EXPECT_EQ(list_safetensors(path).size(), 20000U);
  EXPECT_LT(heap.peak(), 8 * static_cast<int64_t>(bytes.size()));
}

}  // namespace
}  // namespace transformlet
