#include "train/checkpoint_state.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace transformlet {
namespace {

using Json = nlohmann::json;  // objects in the order of their keys: the same state gives the same bytes

constexpr int64_t format_version = 1;
constexpr uintmax_t longest_state = 16 << 20;

uint32_t checksum_of(const Json& json) { return crc32(json.dump()); }

Json parse(const std::filesystem::path& path) {
  std::error_code code;
  const uintmax_t size = std::filesystem::file_size(path, code);
  if (code) fail("cannot be read: {}", code.message());
  require(size <= longest_state, "it has {} bytes, more than the {} allowed", size, longest_state);
  std::ifstream stream(path, std::ios::binary);
  std::string text(size, '\0');
  require(stream.read(text.data(), static_cast<std::streamsize>(size)).good(), "cannot be read");
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail("it is no JSON (its byte {} is wrong)", error.byte);
  }
}

CheckpointState state_of(Json json) {
  try {
    const auto version = json.at("format_version").get<int64_t>();
    require(version == format_version, "its format version is {}; this program reads {}", version, format_version);
    const auto checksum = json.at("crc32").get<uint32_t>();
    json.erase("crc32");
    require(checksum == checksum_of(json), "it does not match its own checksum");

    CheckpointState state;
    state.step = json.at("step").get<int64_t>();
    if (!json.at("val_loss").is_null()) state.val_loss = json.at("val_loss").get<double>();
    state.extra = json.at("extra").get<std::map<std::string, std::string>>();
    for (const auto& [name, file] : json.at("files").items()) {
      state.files[name] = {file.at("bytes").get<int64_t>(), file.at("crc32").get<uint32_t>()};
    }
    return state;
  } catch (const Json::exception&) {
    fail("it lacks a key, or one has a value of a wrong type");
  }
}

}  // namespace

std::string checkpoint_state_text(const CheckpointState& state) {
  Json json = {{"format_version", format_version}, {"step", state.step}, {"extra", state.extra}};
  // A loss that is not finite can't be the best one, and JSON could not hold it.
  const bool has_loss = state.val_loss && std::isfinite(*state.val_loss);
  json["val_loss"] = has_loss ? Json(*state.val_loss) : Json(nullptr);
  json["files"] = Json::object();
  for (const auto& [name, file] : state.files) json["files"][name] = {{"bytes", file.bytes}, {"crc32", file.crc32}};
  try {
    json["crc32"] = checksum_of(json);
    return json.dump(2) + "\n";
  } catch (const Json::type_error&) {
    fail("the extra strings of a checkpoint must be UTF-8");
  }
}

CheckpointState read_checkpoint_state(const std::filesystem::path& path) {
  try {
    return state_of(parse(path));
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace transformlet
