// The safetensors format: files written here, files written by hand, and files that lie.
#include "train/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

std::string little_endian(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  return bytes;
}

std::string with_header(const std::string& header, const std::string& data) {
  return little_endian(header.size()) + header + data;
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

SafetensorsFile example() {
  const double infinity = std::numeric_limits<double>::infinity();
  return {{{"b.weight", tensor({1, -0.0, 0.1, 1e-45, infinity, -infinity}, {2, 3}, DType::float32)},
           {"a.bias", tensor({0.1, std::nan(""), 5e-324}, {3}, DType::float64)},
           {"scalar", scalar(7, DType::float32)},
           {"none", zeros({0, 4}, DType::float32)},
           {"naïve \"name\"\n", full({5}, 2, DType::float32)}},
          {{"step", "10"}, {"note", "ümlaut"}}};
}

class SafetensorsTest : public testing::Test {
 protected:
  // The error of reading these bytes, without the file's name at its start.
  std::string read_error(const std::string& bytes) {
    write_bytes(path, bytes);
    const std::string text = error_of([&] { read_safetensors(path); });
    if (text == "no error") return text;
    EXPECT_TRUE(text.starts_with(path.string() + ": ")) << text;
    return text.substr(path.string().size() + 2);
  }
  std::string header_error(const std::string& header, size_t data_size = 8) {
    return read_error(with_header(header, std::string(data_size, '\0')));
  }

  TemporaryFolder folder;
  std::filesystem::path path = folder.path / "x.safetensors";
};

TEST_F(SafetensorsTest, RoundTripKeepsEveryBit) {
  const SafetensorsFile file = example();
  write_safetensors(path, file);
  const SafetensorsFile back = read_safetensors(path);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  EXPECT_TRUE(std::ranges::is_sorted(back.tensors, {}, &NamedTensor::name));
  for (const auto& [name, value] : file.tensors) {
    const auto found = std::ranges::find(back.tensors, name, &NamedTensor::name);
    ASSERT_NE(found, back.tensors.end()) << name;
    EXPECT_EQ(found->value.shape(), value.shape());
    ASSERT_EQ(found->value.dtype(), value.dtype());
    const size_t bytes = static_cast<size_t>(value.size()) * size_of(value.dtype());
    EXPECT_EQ(std::memcmp(found->value.body().buffer->data, value.body().buffer->data, bytes), 0) << name;
  }
}

TEST_F(SafetensorsTest, BytesDependOnContentsAlone) {
  SafetensorsFile file = example();
  write_safetensors(path, file);
  const std::string first = bytes_of_file(path);
  std::ranges::reverse(file.tensors);
  write_safetensors(path, file);
  EXPECT_EQ(bytes_of_file(path), first);
  write_safetensors(path, read_safetensors(path));
  EXPECT_EQ(bytes_of_file(path), first);
}

TEST_F(SafetensorsTest, WritesExactlyTheseBytes) {
  write_safetensors(
      path, {{{"b", tensor({1, 2}, {2}, DType::float32)}, {"a", tensor({3}, {1, 1}, DType::float64)}}, {{"k", "v"}}});
  std::string header = R"({"__metadata__":{"k":"v"},"a":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})";
  header.resize(136, ' ');
  EXPECT_EQ(bytes_of_file(path), with_header(header, bytes_of({3.0}) + bytes_of({1.0F, 2.0F})));
}

TEST_F(SafetensorsTest, ArraysAreAligned) {
  write_safetensors(path, {{{"a", zeros({3}, DType::float32)}, {"b", full({1}, 5, DType::float64)}}, {}});
  const std::string bytes = bytes_of_file(path);
  const size_t data = bytes.size() - 3 * sizeof(float) - sizeof(double);
  EXPECT_EQ(data % 8, 0U);
  EXPECT_EQ(bytes.substr(data, 8), bytes_of({5.0}));  // float64 first, so that an odd number of float32 can't shift it
}

TEST_F(SafetensorsTest, ReadsWhatTheSpecificationAllows) {
  write_bytes(
      path, with_header(R"({ "w" : {"data_offsets":[8,24], "shape":[2,2], "dtype":"F32"},)"
                        R"("i":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},)"
                        R"("l":{"dtype":"I64","shape":[],"data_offsets":[24,32]} }   )",
                        bytes_of({-7, 2147483647}) + bytes_of({1.F, 2.F, 3.F, 4.F}) + bytes_of({-(int64_t{1} << 53)})));
  const SafetensorsFile file = read_safetensors(path);
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_EQ(file.tensors[0].name, "i");
  EXPECT_EQ(file.tensors[0].value.to_vector(), (std::vector<double>{-7, 2147483647}));
  EXPECT_EQ(file.tensors[0].value.dtype(), DType::float64);
  EXPECT_EQ(file.tensors[1].value.item(), -9007199254740992.0);
  EXPECT_EQ(file.tensors[2].value.shape(), (Shape{2, 2}));
  EXPECT_EQ(file.tensors[2].value.to_vector(), (std::vector<double>{1, 2, 3, 4}));

  write_bytes(path, with_header("{}", ""));
  EXPECT_TRUE(read_safetensors(path).tensors.empty());
}

TEST_F(SafetensorsTest, SaysWhatIsWrong) {
  EXPECT_EQ(read_error(""), "it has 0 bytes, too few for a header");
  EXPECT_EQ(read_error("1234567"), "it has 7 bytes, too few for a header");
  EXPECT_EQ(read_error(little_endian(3) + "{}"), "its header should have 3 bytes, but only 2 follow");
  EXPECT_EQ(read_error(little_endian(UINT64_MAX) + "{}"),
            "its header should have 18446744073709551615 bytes, but only 2 follow");
  EXPECT_EQ(read_error(with_header(" {}", "")), "the header is no JSON object");
  EXPECT_EQ(read_error(with_header("[]", "")), "the header is no JSON object");
  EXPECT_EQ(read_error(with_header("{\"a", "")), "the header is no JSON in UTF-8 (its byte 4 is wrong)");
  EXPECT_EQ(read_error(with_header("{\"\xff\":1}", "")), "the header is no JSON in UTF-8 (its byte 3 is wrong)");
  EXPECT_EQ(header_error("{} {}"), "the header is no JSON in UTF-8 (its byte 4 is wrong)");
  EXPECT_EQ(header_error("{}"), "the last 8 bytes belong to nothing");
  EXPECT_EQ(header_error(R"({"a":1})"), "'a' is a number, not an object");
  EXPECT_EQ(header_error(R"({"a":{}})"), "'a': dtype is missing");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})"), "'a': shape is missing");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[2]}})"), "'a': data_offsets is missing");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})"),
            "'a': dtype 'BF16' is not one of F32, F64, I32, I64");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","dtype":"F64"}})"), "'a': dtype is there twice");
  EXPECT_EQ(header_error(R"({"a":{"colour":1}})"), "'a': unknown key 'colour'");
  EXPECT_EQ(header_error(R"({"a":{"shape":[-1]}})"), "'a': shape is the number -1");
  EXPECT_EQ(header_error(R"({"a":{"shape":[2.0]}})"), "'a': shape is the number 2.0");
  EXPECT_EQ(header_error(R"({"a":{"shape":[99999999999999999999]}})"), "'a': shape is the number 99999999999999999999");
  EXPECT_EQ(header_error(R"({"a":{"shape":[18446744073709551615]}})"),
            "'a': a size of 18446744073709551615 is too large");
  EXPECT_EQ(header_error(R"({"a":{"shape":[[2]]}})"), "'a': shape is a list");
  EXPECT_EQ(header_error(R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})"), "'a': shape has more than 8 numbers");
  EXPECT_EQ(header_error(R"({"a":{"data_offsets":[0]}})"), "'a': data_offsets has 1 numbers, not 2");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})"),
            "'a': data_offsets [8, 0] do not lie in the file's 8 bytes of data");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}})"),
            "'a': data_offsets [0, 16] do not lie in the file's 8 bytes of data");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"),
            "'a': data_offsets give it 8 bytes, but its shape (3) needs 12");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
            "'a': bytes 0 to 4 before its data belong to nothing");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
            "'b': its data overlap another's at byte 4");
  EXPECT_EQ(header_error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})"),
            "'a' is there twice");
  EXPECT_EQ(header_error(R"({"__metadata__":{"a":1}})"), "__metadata__: 'a' is a number, not a string");
  EXPECT_EQ(header_error(R"({"__metadata__":{"a":"1","a":"2"}})"), "__metadata__: 'a' is there twice");
  EXPECT_EQ(read_error(with_header(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})",
                                   bytes_of({(int64_t{1} << 53) + 1}))),
            "'a': 9007199254740993 has no exact float64");
}

TEST_F(SafetensorsTest, RefusesHeadersThatAreTooLong) {
  write_bytes(path, little_endian(150'000'000) + "{");
  ASSERT_EQ(truncate(path.c_str(), 200'000'000), 0);  // sparse: takes no room
  EXPECT_TRUE(error_of([&] {
                read_safetensors(path);
              }).ends_with("its header has 150000000 bytes, more than the 100000000 allowed"));
}

TEST_F(SafetensorsTest, DeepNestingIsNoDanger) {
  const std::string nested(1'000'000, '[');
  EXPECT_EQ(header_error("{\"a\":" + nested), "'a' is a list, not an object");
}

TEST_F(SafetensorsTest, RefusesWhatIsNoFile) {
  EXPECT_TRUE(error_of([&] { read_safetensors(path); }).ends_with("cannot be read: No such file or directory"));
  EXPECT_TRUE(error_of([&] { read_safetensors(folder.path); }).ends_with("it is no regular file"));
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(error_of([&] { read_safetensors(path); }).ends_with("it is no regular file"));
}

TEST_F(SafetensorsTest, RefusesToWriteWhatCouldNotBeRead) {
  const Tensor x = scalar(1, DType::float32);
  const auto write_error = [&](const SafetensorsFile& file) {
    return error_of([&] { write_safetensors(path, file); });
  };
  EXPECT_TRUE(write_error({{{"a", x}, {"a", x}}, {}}).ends_with("two tensors are named 'a'"));
  EXPECT_TRUE(write_error({{{"__metadata__", x}}, {}}).ends_with("no tensor may be named __metadata__"));
  EXPECT_TRUE(write_error({{{"\xff", x}}, {}}).ends_with("is not UTF-8"));
  EXPECT_TRUE(write_error({{{"a", Tensor()}}, {}}).ends_with("'a' has no value"));
  EXPECT_EQ(number_of_entries(folder.path), 0U);
}

// ---- files that are damaged at random ----

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

TEST_F(SafetensorsTest, AnyBytesGiveTensorsOrAnError) {
  SafetensorsFile file = example();
  file.tensors.push_back({"large", full({100, 50}, 3, DType::float32)});
  write_safetensors(path, file);
  const std::string whole = bytes_of_file(path);
  uint64_t header_size = 0;
  std::memcpy(&header_size, whole.data(), 8);
  file = {};

  int errors = 0, reads = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Damage damage{seed};
    std::string bytes = damage.apply(whole, header_size);
    if (seed % 3 == 0 && bytes.size() > 8 + header_size) bytes = damage.apply(bytes, header_size);
    write_bytes(path, bytes);
    release_cached_memory();
    // Twice the file's size, and 64 bytes for each of a handful of tensors: no buffer is smaller.
    const PoolStatistics before = pool_statistics();
    const auto allowed = before.live_bytes + static_cast<int64_t>(2 * bytes.size() + 64 * 16);
    try {
      read_safetensors(path);
      ++reads;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(path.string() + ": ")) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      ++errors;
    }
    const PoolStatistics after = pool_statistics();
    EXPECT_EQ(after.live_bytes, before.live_bytes);
    EXPECT_LE(after.peak_live_bytes, std::max(before.peak_live_bytes, allowed)) << "seed " << seed;
  }
  EXPECT_GT(errors, 1500);  // most damage is found ...
  EXPECT_GT(reads, 100);    // ... but not a flipped bit in a number, which is why checkpoints hold checksums
}

}  // namespace
}  // namespace transformlet
