#include "train/metrics.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>

namespace transformlet {
namespace {

constexpr std::string_view line_start = "{\"step\": ";

// The step of a whole line that `log` has written, or nothing.
std::optional<int64_t> step_of(std::string_view line) {
  if (!line.starts_with(line_start) || !line.ends_with('}')) return {};
  int64_t step = 0;
  const auto [end, code] = std::from_chars(line.data() + line_start.size(), line.data() + line.size(), step);
  if (code != std::errc() || (*end != ',' && *end != '}')) return {};
  return step;
}

}  // namespace

void MetricsWriter::log(int64_t step, const JsonFields& values) {
  require(step >= last_step_, "{}: metrics of step {} came after those of step {}", file_.path().string(), step,
          last_step_);
  JsonFields fields = {{"step", step}};
  fields.insert(fields.end(), values.begin(), values.end());
  file_.append(json_line(fields));
  last_step_ = step;
}

void cut_metrics(const std::filesystem::path& path, int64_t last_step) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) {
    if (errno == ENOENT) return;
    fail_on_file(path, "cannot be read", errno);
  }
  int64_t kept = 0, read = 0, number = 0, damaged = 0;
  for (std::string line; std::getline(stream, line) && !stream.eof(); read += static_cast<int64_t>(line.size()) + 1) {
    ++number;
    const auto step = step_of(line);
    if (step && *step > last_step) break;  // steps never go down
    if (!step && damaged == 0) damaged = number;
    if (!step) continue;
    require(damaged == 0, "{}:{}: it is no line of metrics; mend or remove it to go on", path.string(), damaged);
    kept = read + static_cast<int64_t>(line.size()) + 1;
  }
  require(!stream.bad(), "{}: cannot be read", path.string());
  // Shortening a file is one change: it happens, or it does not.
  OutputFile file(path, O_WRONLY);
  if (::ftruncate(file.descriptor(), kept) != 0) fail_on_file(path, "cannot be written", errno);
  file.sync();
}

}  // namespace transformlet
