#include "train/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "train/config/errors.h"

namespace transformlet {
namespace {

struct TypeName {
  const char* name;
  StoredType type;
  int64_t element_bytes;
};
constexpr TypeName type_names[] = {
    {"F32", StoredType::f32, 4},       {"F64", StoredType::f64, 8},       {"F16", StoredType::f16, 2},
    {"BF16", StoredType::bf16, 2},     {"I32", StoredType::i32, 4},       {"I64", StoredType::i64, 8},
    {"BOOL", StoredType::other, 1},    {"U8", StoredType::other, 1},      {"I8", StoredType::other, 1},
    {"F8_E4M3", StoredType::other, 1}, {"F8_E5M2", StoredType::other, 1}, {"U16", StoredType::other, 2},
    {"I16", StoredType::other, 2},     {"U32", StoredType::other, 4},     {"U64", StoredType::other, 8}};

// Takes the JSON piece by piece. A tree of it would lose duplicate names, and could need many times the file's memory.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader header;

  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::header;
    } else if (place_ == Place::header) {
      place_ = key_ == "__metadata__" ? Place::metadata : Place::tensor;
      if (place_ == Place::tensor) header.tensors.push_back({.name = key_, .shape = {}});
      has_type_ = has_shape_ = has_offsets_ = false;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& key) override {
    key_ = key;
    if (place_ == Place::header) {
      require(names_.insert(key).second, "'{}' is there twice", shown(key));
    } else if (place_ == Place::metadata) {
      require(!header.metadata.contains(key), "__metadata__: '{}' is there twice", shown(key));
    } else {
      const bool known = key == "dtype" || key == "shape" || key == "data_offsets";
      require(known, "'{}': unknown key '{}'", name(), shown(key));
      bool& seen = key == "dtype" ? has_type_ : key == "shape" ? has_shape_ : has_offsets_;
      require(!seen, "'{}': {} is there twice", name(), key);
      seen = true;
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      require(has_type_, "'{}': dtype is missing", name());
      require(has_shape_, "'{}': shape is missing", name());
      require(has_offsets_, "'{}': data_offsets is missing", name());
    }
    place_ = place_ == Place::header ? Place::end : Place::header;
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      header.metadata[key_] = text;
    } else if (place_ == Place::tensor && key_ == "dtype") {
      const auto found = std::ranges::find(type_names, text, &TypeName::name);
      require(found != std::end(type_names), "'{}': dtype '{}' is not one of {}", name(), shown(text), readable_dtypes);
      StoredTensor& tensor = header.tensors.back();
      tensor.type = found->type;
      tensor.dtype = found->name;
      tensor.element_bytes = found->element_bytes;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") unexpected("a list");
    place_ = Place::list;
    count_ = 0;
    return true;
  }

  bool number_unsigned(uint64_t number) override {
    if (place_ != Place::list) unexpected("a number");
    const size_t longest = key_ == "shape" ? Shape::max_rank : 2;
    require(count_ < longest, "'{}': {} has more than {} numbers", name(), key_, longest);
    numbers_[count_++] = number;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    StoredTensor& tensor = header.tensors.back();
    if (key_ == "shape") {
      std::array<int64_t, Shape::max_rank> sizes{};
      for (size_t i = 0; i < count_; ++i) {
        require(numbers_[i] <= INT64_MAX, "'{}': a size of {} is too large", name(), numbers_[i]);
        sizes[i] = static_cast<int64_t>(numbers_[i]);
      }
      try {
        tensor.shape = Shape(std::span<const int64_t>(sizes.data(), count_));
      } catch (const Error& error) {
        fail("'{}': {}", name(), error.what());
      }
    } else {
      require(count_ == 2, "'{}': data_offsets has {} numbers, not 2", name(), count_);
      tensor.begin = numbers_[0];
      tensor.end = numbers_[1];
    }
    return true;
  }

  bool number_integer(int64_t number) override { unexpected(fmt::format("the number {}", number)); }
  bool number_float(double, const std::string& text) override { unexpected("the number " + shown(text)); }
  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a bool"); }
  bool binary(nlohmann::json::binary_t&) override { unexpected("bytes"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("the header is no JSON in UTF-8 (its byte {} is wrong)", position);
  }

 private:
  enum class Place { start, header, metadata, tensor, list, end };

  std::string name() const { return shown(header.tensors.back().name); }

  [[noreturn]] void unexpected(const std::string& found) const {
    switch (place_) {
      case Place::tensor:
      case Place::list:
        fail("'{}': {} is {}", name(), key_, found);
      case Place::metadata:
        fail("__metadata__: '{}' is {}, not a string", shown(key_), found);
      case Place::header:
        fail("'{}' is {}, not an object", shown(key_), found);
      default:
        fail("the header is {}, not an object", found);
    }
  }

  Place place_ = Place::start;
  std::string key_;
  bool has_type_ = false, has_shape_ = false, has_offsets_ = false;
  std::array<uint64_t, Shape::max_rank> numbers_{};
  size_t count_ = 0;
  std::unordered_set<std::string> names_;
};

// No sum below can overflow: shapes hold at most an eighth of what int64_t does, and offsets are compared, not added.
void check_offsets(std::deque<StoredTensor>& tensors, uint64_t data_size) {
  std::ranges::sort(tensors, [](const StoredTensor& a, const StoredTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    const std::string name = shown(tensor.name);
    require(tensor.begin <= tensor.end && tensor.end <= data_size,
            "'{}': data_offsets [{}, {}] do not lie in the file's {} bytes of data", name, tensor.begin, tensor.end,
            data_size);
    const auto size = static_cast<uint64_t>(tensor.shape.size() * tensor.element_bytes);
    require(tensor.end - tensor.begin == size, "'{}': data_offsets give it {} bytes, but its shape {} needs {}", name,
            tensor.end - tensor.begin, tensor.shape, size);
    require(tensor.begin >= end, "'{}': its data overlap another's at byte {}", name, tensor.begin);
    require(tensor.begin == end, "'{}': bytes {} to {} before its data belong to nothing", name, end, tensor.begin);
    end = tensor.end;
  }
  require(end == data_size, "the last {} bytes belong to nothing", data_size - end);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_size) {
  require(json.starts_with('{'), "the header is no JSON object");
  HeaderReader reader;
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  check_offsets(reader.header.tensors, data_size);
  return std::move(reader.header);
}

}  // namespace transformlet
