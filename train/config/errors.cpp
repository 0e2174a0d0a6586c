#include "train/config/errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "train/config/reader.h"

namespace transformlet {

void ConfigErrors::add(Place place, const std::string& path, const std::string& message) {
  const std::string& source = source_names_[static_cast<size_t>(place.source)];
  // Only the file has lines; an override is short, and stands in the message as a whole.
  const bool has_line = place.source == 0 && place.line > 0;
  const std::string where = has_line ? fmt::format("{}:{}:{}", source, place.line, place.column) : source;
  entries_.push_back({place, fmt::format("{}: {}{}{}", where, shown(path), path.empty() ? "" : ": ", message)});
}

void ConfigErrors::throw_if_any() const {
  if (entries_.empty()) return;
  std::vector<Entry> sorted = entries_;
  std::ranges::stable_sort(sorted, {}, &Entry::place);
  std::vector<std::string> lines;
  for (const Entry& entry : sorted) lines.push_back(entry.text);
  throw ConfigError(fmt::format("{}", fmt::join(lines, "\n")));
}

std::string join_path(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string shown(const std::string& text) {
  constexpr size_t longest = 80;
  std::string line;
  for (const char c : text) {
    const bool starts_a_character = (c & 0xc0) != 0x80;  // never cut inside a UTF-8 sequence
    if (line.size() >= longest && starts_a_character) return line + "...";
    if (c == '\n')
      line += "\\n";
    else if (c == '\t')
      line += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      line += c;
  }
  return line;
}

}  // namespace transformlet
