#include "train/metrics_reader.h"

#include <fstream>

#include "base/error.h"

namespace transformlet {

void read_metrics(const std::filesystem::path& path, const std::function<void(const nlohmann::ordered_json&)>& line) {
  std::ifstream stream(path);
  require(stream.is_open(), "{}: cannot be read", path.string());
  int64_t number = 0;
  for (std::string text; std::getline(stream, text) && !stream.eof();) {
    ++number;
    const auto values = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    require(values.is_object() && values.contains("step"), "{}:{}: it is no line of metrics", path.string(), number);
    line(values);
  }
}

}  // namespace transformlet
