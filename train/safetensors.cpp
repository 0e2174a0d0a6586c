#include "train/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "train/config/errors.h"
#include "train/durable_file.h"
#include "train/json_text.h"
#include "train/safetensors_header.h"

namespace transformlet {
namespace {

static_assert(std::endian::native == std::endian::little, "the format's numbers are copied as they are");

std::string_view bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.body().buffer->data),
          static_cast<size_t>(tensor.size()) * size_of(tensor.dtype())};
}

std::vector<NamedTensor> in_order_of_data(std::vector<NamedTensor> tensors) {
  for (const auto& [name, value] : tensors) {
    require(name != "__metadata__", "no tensor may be named __metadata__");
    require(value.defined(), "'{}' has no value", shown(name));
  }
  std::ranges::sort(tensors, [](const NamedTensor& a, const NamedTensor& b) {
    const size_t a_size = size_of(a.value.dtype()), b_size = size_of(b.value.dtype());
    return a_size != b_size ? a_size > b_size : a.name < b.name;
  });
  return tensors;
}

void check_unique(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string_view> names;
  for (const NamedTensor& tensor : tensors) names.push_back(tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) fail("two tensors are named '{}'", shown(std::string(*twice)));
}

// Compact, as the format's own library writes it.
std::string header_of(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  const auto add = [&](const std::string& name, const std::string& value) {
    if (header.size() > 1) header += ',';
    header += json_string(name) + ':' + value;
  };
  if (!metadata.empty()) {
    std::string map;
    for (const auto& [name, value] : metadata) {
      map += (map.empty() ? "" : ",") + json_string(name) + ':' + json_string(value);
    }
    add("__metadata__", "{" + map + "}");
  }
  size_t offset = 0;
  for (const auto& [name, value] : tensors) {
    const size_t end = offset + bytes_of(value).size();
    add(name, fmt::format(R"({{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          value.dtype() == DType::float32 ? "F32" : "F64", fmt::join(value.shape(), ","), offset, end));
    offset = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  require(header.size() <= longest_safetensors_header, "the header would have more than {} bytes",
          longest_safetensors_header);
  return header;
}

// A file that is read from front to back, in pieces that must be there whole.
class Input {
 public:
  explicit Input(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // a named pipe must not block
    struct stat status {};
    if (!file_.open() || ::fstat(file_.number(), &status) != 0) fail_to_read();
    require(S_ISREG(status.st_mode), "it is no regular file");
    size_ = static_cast<uint64_t>(status.st_size);
  }

  uint64_t size() const { return size_; }

  void read(void* data, size_t size) {
    auto* bytes = static_cast<char*>(data);
    while (size > 0) {
      const ssize_t count = ::read(file_.number(), bytes, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_to_read();
      require(count > 0, "it became shorter while it was read");
      bytes += count;
      size -= static_cast<size_t>(count);
    }
  }

  void pass_over(uint64_t size) {
    if (::lseek(file_.number(), static_cast<off_t>(size), SEEK_CUR) < 0) fail_to_read();
  }

 private:
  [[noreturn]] static void fail_to_read() { fail("cannot be read: {}", std::generic_category().message(errno)); }

  FileDescriptor file_;
  uint64_t size_ = 0;
};

// Integers become float64 in pieces, so that no second copy of them all is needed.
template <class Integer>
Tensor read_integers(Input& input, const StoredTensor& stored) {
  constexpr int64_t largest_exact = int64_t{1} << 53;
  Tensor tensor = empty(stored.shape, DType::float64);
  auto* values = tensor.data<double>();
  std::array<Integer, 8192> piece;
  for (int64_t done = 0; done < tensor.size();) {
    const auto count = static_cast<size_t>(std::min<int64_t>(piece.size(), tensor.size() - done));
    input.read(piece.data(), count * sizeof(Integer));
    for (size_t i = 0; i < count; ++i) {
      const int64_t value = piece[i];
      require(-largest_exact <= value && value <= largest_exact, "'{}': {} has no exact float64", shown(stored.name),
              value);
      values[done++] = static_cast<double>(value);
    }
  }
  return tensor;
}

// The value of 16 bits: sign, exponent, fraction. Every float16 and every bfloat16 is a float32.
float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
float from_float16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, exponent = bits >> 10 & 31u,
                 fraction = bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float tiny = std::ldexp(static_cast<float>(fraction), -24);  // subnormal there, not here
  return sign != 0 ? -tiny : tiny;
}

Tensor read_halves(Input& input, const StoredTensor& stored) {
  Tensor tensor = empty(stored.shape, DType::float32);
  auto* values = tensor.data<float>();
  std::array<uint16_t, 8192> piece;
  for (int64_t done = 0; done < tensor.size();) {
    const auto count = static_cast<size_t>(std::min<int64_t>(piece.size(), tensor.size() - done));
    input.read(piece.data(), count * sizeof(uint16_t));
    for (size_t i = 0; i < count; ++i) {
      values[done++] = stored.type == StoredType::f16 ? from_float16(piece[i]) : from_bfloat16(piece[i]);
    }
  }
  return tensor;
}

Tensor read_tensor(Input& input, const StoredTensor& stored) {
  if (stored.type == StoredType::f16 || stored.type == StoredType::bf16) return read_halves(input, stored);
  if (stored.type == StoredType::i32) return read_integers<int32_t>(input, stored);
  if (stored.type == StoredType::i64) return read_integers<int64_t>(input, stored);
  Tensor tensor = empty(stored.shape, stored.type == StoredType::f32 ? DType::float32 : DType::float64);
  input.read(tensor.body().buffer->data, bytes_of(tensor).size());
  return tensor;
}

SafetensorsHeader read_header(Input& input) {
  uint64_t header_size = 0;
  require(input.size() >= sizeof header_size, "it has {} bytes, too few for a header", input.size());
  input.read(&header_size, sizeof header_size);
  const uint64_t rest = input.size() - sizeof header_size;
  require(header_size <= rest, "its header should have {} bytes, but only {} follow", header_size, rest);
  require(header_size <= longest_safetensors_header, "its header has {} bytes, more than the {} allowed", header_size,
          longest_safetensors_header);
  std::string json(header_size, '\0');
  input.read(json.data(), json.size());
  return parse_safetensors_header(json, rest - header_size);
}

SafetensorsFile read(Input& input, const Wanted& wanted) {
  SafetensorsHeader header = read_header(input);
  const auto is_wanted = [&](const StoredTensor& stored) { return !wanted || wanted(stored.name); };
  for (const StoredTensor& stored : header.tensors) {
    require(stored.type != StoredType::other || !is_wanted(stored), "'{}': dtype '{}' is not one of {}",
            shown(stored.name), stored.dtype, readable_dtypes);
  }
  SafetensorsFile file{.tensors = {}, .metadata = std::move(header.metadata)};
  for (const StoredTensor& stored : header.tensors) {
    if (is_wanted(stored)) {
      file.tensors.push_back({stored.name, read_tensor(input, stored)});
    } else {
      input.pass_over(stored.end - stored.begin);
    }
  }
  std::ranges::sort(file.tensors, {}, &NamedTensor::name);
  return file;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const SafetensorsFile& file) {
  std::vector<NamedTensor> tensors;
  std::string header;
  try {
    tensors = in_order_of_data(file.tensors);
    check_unique(tensors);
    header = header_of(tensors, file.metadata);
  } catch (const Error& error) {
    fail("{}: cannot be written: {}", path.string(), error.what());
  }
  const uint64_t header_size = header.size();
  replace_file(path, [&](OutputFile& output) {
    output.write({reinterpret_cast<const char*>(&header_size), sizeof header_size});
    output.write(header);
    for (const NamedTensor& tensor : tensors) output.write(bytes_of(tensor.value));
  });
}

SafetensorsFile read_safetensors(const std::filesystem::path& path, const Wanted& wanted) {
  try {
    Input input(path);
    return read(input, wanted);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

std::vector<SafetensorsEntry> list_safetensors(const std::filesystem::path& path) {
  try {
    Input input(path);
    const SafetensorsHeader header = read_header(input);
    std::vector<SafetensorsEntry> result;
    result.reserve(header.tensors.size());
    for (const StoredTensor& stored : header.tensors) result.push_back({stored.name, stored.dtype, stored.shape});
    std::ranges::sort(result, {}, &SafetensorsEntry::name);
    return result;
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace transformlet
