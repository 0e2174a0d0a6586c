// metrics.jsonl (train/metrics.h), read back.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

namespace transformlet {

// Hands every line to `line`, as an object with a step, whose names are in the order in which they were written. A last
// line without its end, which a running or a killed training may leave, is none. An Error if the file can't be read, or
// names the line that is no line of metrics.
void read_metrics(const std::filesystem::path& path, const std::function<void(const nlohmann::ordered_json&)>& line);

}  // namespace transformlet
