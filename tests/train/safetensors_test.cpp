// The safetensors format: files written here, files written by hand, and files that lie.
#include "train/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"
#include "tests/train/safetensors_tools.h"
#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

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
  EXPECT_EQ(header_error(R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})"),
            "'a': dtype 'C64' is not one of F32, F64, F16, BF16, I32, I64");
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

// ---- numbers of 16 bits ----

// A half in words of the standard: sign, exponent and fraction of so many bits.
double value_of_half(uint32_t bits, int exponent_bits, int fraction_bits) {
  const uint32_t fraction = bits & ((1U << fraction_bits) - 1), largest = (1U << exponent_bits) - 1;
  const uint32_t exponent = bits >> fraction_bits & largest;
  const double sign = bits >> 15 != 0 ? -1 : 1, ones = std::ldexp(fraction, -fraction_bits);
  const int bias = static_cast<int>(largest >> 1);
  if (exponent == largest) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(ones, 1 - bias);
  return sign * std::ldexp(1 + ones, static_cast<int>(exponent) - bias);
}

TEST_F(SafetensorsTest, EveryHalfIsReadExactly) {
  std::string halves;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    halves += static_cast<char>(bits & 0xff);
    halves += static_cast<char>(bits >> 8);
  }
  write_bytes(path, with_header(R"({"f":{"dtype":"F16","shape":[256,256],"data_offsets":[0,131072]},)"
                                R"("b":{"dtype":"BF16","shape":[65536],"data_offsets":[131072,262144]}})",
                                halves + halves));
  const SafetensorsFile file = read_safetensors(path);
  ASSERT_EQ(file.tensors.size(), 2U);
  for (const auto& [name, value] : file.tensors) {
    ASSERT_EQ(value.dtype(), DType::float32);
    const std::vector<double> values = value.to_vector();
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const double expected = name == "f" ? value_of_half(bits, 5, 10) : value_of_half(bits, 8, 7);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(values[bits])) << name << bits;
      } else {
        ASSERT_EQ(values[bits], expected) << name << bits;
        ASSERT_EQ(std::signbit(values[bits]), std::signbit(expected)) << name << bits;
      }
    }
  }
}

// ---- parts of files ----

TEST_F(SafetensorsTest, ListsAndPassesOverWhatItCannotRead) {
  const std::string header = R"({"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},)"
                             R"("w":{"dtype":"F32","shape":[1],"data_offsets":[3,7]},)"
                             R"("e":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[7,9]},)"
                             R"("u":{"dtype":"U64","shape":[1],"data_offsets":[9,17]},)"
                             R"("x":{"dtype":"F64","shape":[],"data_offsets":[17,25]}})";
  EXPECT_EQ(header_error(header, 25), "'m': dtype 'BOOL' is not one of F32, F64, F16, BF16, I32, I64");
  write_bytes(path, with_header(header, "abc" + bytes_of({1.5F}) + "de" + std::string(8, 'f') + bytes_of({2.5})));
  const SafetensorsFile file =
      read_safetensors(path, [](const std::string& name) { return name == "x" || name == "w"; });
  ASSERT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.tensors[0].value.to_vector(), (std::vector<double>{1.5}));
  EXPECT_EQ(file.tensors[1].value.to_vector(), (std::vector<double>{2.5}));

  const std::vector<SafetensorsEntry> entries = list_safetensors(path);
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[0].name + entries[1].name + entries[2].name + entries[3].name + entries[4].name, "emuwx");
  EXPECT_EQ(entries[0].dtype, "F8_E4M3");
  EXPECT_EQ(entries[1].shape, (Shape{3}));
  write_bytes(path, with_header(header, ""));
  EXPECT_EQ(error_of([&] { list_safetensors(path); }),
            path.string() + ": 'm': data_offsets [0, 3] do not lie in the file's 0 bytes of data");
}

}  // namespace
}  // namespace transformlet
