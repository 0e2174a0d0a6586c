#include "train/tokenizers/checked_json.h"

#include <vector>

#include "base/error.h"
#include "train/config/errors.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;

// Much that handles a tree calls itself for what is inside, so how deep a file nests must not be the file's to say.
constexpr size_t deepest = 32;

// Builds the tree. The library's own builder takes the last of equal keys, and with a callback that would object it
// takes quadratic time.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(size_t bytes) : bytes_(bytes) {}

  CheckedJson take() { return std::move(tree_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { fail("it is no JSON"); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& key) override {
    key_ = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    if (dynamic_cast<const Json::out_of_range*>(&error) != nullptr) fail("it has a number that is too large");
    fail("it is no JSON (its byte {} is wrong)", position);
  }

 private:
  Json& place(Json value) {
    if (open_.empty()) return tree_.root = std::move(value);
    Json& parent = *open_.back();
    // An element of a list has 16 bytes, and twice that while the list grows.
    require(!parent.is_array() || parent.size() < 256 + bytes_ / 16,
            "it has a list of more elements than a vocabulary of its size could have");
    if (parent.is_array()) return parent.emplace_back(std::move(value));
    const auto [place, is_new] = parent.emplace(key_, std::move(value));
    require(is_new, "an object has the key '{}' twice", shown(key_));
    return *place;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    require(open_.size() < deepest, "it is JSON that nests deeper than {}", deepest);
    open_.push_back(&place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  CheckedJson tree_;
  size_t bytes_;             // of the text
  std::vector<Json*> open_;  // nothing is added beside an element that is open, so it stays where it is
  std::string key_;
};

// No deeper than the tree is.
void release(Json& value) {
  if (!value.is_structured()) return;
  for (Json& inner : value) release(inner);
  value.clear();
}

}  // namespace

CheckedJson::~CheckedJson() { release(root); }

CheckedJson parse_checked_json(std::string_view text) {
  Builder builder(text.size());
  Json::sax_parse(text, &builder);
  return builder.take();
}

std::string in_short(const Json& value) {
  if (value.is_object() && value.contains("type") && value["type"].is_string()) return shown(value["type"]);
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= 40 ? text : text.substr(0, 40) + "...";
}

}  // namespace transformlet
