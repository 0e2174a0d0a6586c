#include "train/weights/flat_json.h"

#include <fstream>

#include "base/error.h"
#include "train/config/errors.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

constexpr uintmax_t longest_file = 1 << 20;

// Takes the JSON piece by piece: no tree of it is ever built, however deep it nests.
class FlatReader : public nlohmann::json_sax<Json> {
 public:
  explicit FlatReader(const std::set<std::string>& wanted) : wanted_(wanted) {}

  FlatJson values;

  bool null() override { return take(nullptr); }
  bool boolean(bool value) override { return take(value); }
  bool number_integer(int64_t value) override { return take(value); }
  bool number_unsigned(uint64_t value) override { return take(value); }
  bool number_float(double value, const std::string&) override { return take(value); }
  bool string(std::string& value) override { return take(value); }
  bool binary(Json::binary_t&) override { return take("bytes"); }

  bool start_object(std::size_t) override { return open("an object", true); }
  bool start_array(std::size_t) override { return open("a list", false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& key) override {
    if (depth_ == 1) outer_ = key;
    if (depth_ == 2 && in_object_) inner_ = key;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("it is no JSON in UTF-8 (its byte {} is wrong)", position);
  }

 private:
  bool take(const Json& value) {
    require(depth_ > 0, "it is no JSON object");
    if (depth_ == 1) add(outer_, value);
    if (depth_ == 2 && in_object_) add(outer_ + "." + inner_, value);
    return true;
  }

  bool open(const char* what, bool is_object) {
    require(depth_ > 0 || is_object, "it is no JSON object");
    if (depth_ > 0) take(what);
    if (depth_ == 1) in_object_ = is_object;
    ++depth_;
    return true;
  }

  bool close() {
    --depth_;
    return true;
  }

  void add(const std::string& name, const Json& value) {
    if (wanted_.contains(name)) require(values.emplace(name, value).second, "'{}' is there twice", shown(name));
  }

  const std::set<std::string>& wanted_;
  int64_t depth_ = 0;
  bool in_object_ = false;  // at depth 2: an object's values, not a list's
  std::string outer_, inner_;
};

void check_file(const std::filesystem::path& path) {
  std::error_code code;
  require(std::filesystem::is_regular_file(path, code), "it is no regular file");  // a named pipe would block
  const uintmax_t size = std::filesystem::file_size(path, code);
  if (code) fail("cannot be read: {}", code.message());
  require(size <= longest_file, "it has {} bytes, more than the {} allowed", size, longest_file);
}

}  // namespace

FlatJson read_flat_json(const std::filesystem::path& path, const std::set<std::string>& wanted) {
  try {
    check_file(path);
    std::ifstream stream(path, std::ios::binary);
    require(stream.is_open(), "cannot be read");
    FlatReader reader(wanted);
    nlohmann::json::sax_parse(stream, &reader);
    return std::move(reader.values);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace transformlet
