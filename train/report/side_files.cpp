#include "train/report/side_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace transformlet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The rows of a landscape's file, whose first line names its columns.
std::vector<std::vector<double>> rows_of(std::ifstream& stream, size_t columns) {
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::vector<double> row;
    for (std::string word; words >> word;) row.push_back(std::stod(word));
    if (row.size() != columns) throw std::invalid_argument("a line");
    rows.push_back(std::move(row));
  }
  return rows;
}

Json line_json(const std::vector<std::vector<double>>& rows) {
  Json positions = Json::array(), losses = Json::array();
  for (const auto& row : rows) {
    positions.push_back(row[0]);
    losses.push_back(row[1]);
  }
  return {{"positions", positions}, {"losses", losses}};
}

// y by y, x by x within each.
Json plane_json(const std::vector<std::vector<double>>& rows) {
  Json x = Json::array(), y = Json::array(), losses = Json::array();
  for (const auto& row : rows) {
    if (y.empty() || y.back() != row[1]) {
      y.push_back(row[1]);
      losses.push_back(Json::array());
    }
    if (y.size() == 1) x.push_back(row[0]);
    losses.back().push_back(row[2]);
  }
  for (const Json& row : losses) {
    if (row.size() != x.size()) throw std::invalid_argument("a row");
  }
  return {{"x", x}, {"y", y}, {"losses", losses}};
}

void add_landscape(LoadedRun& run, Json& json) {
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run.path, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("landscape") && name.ends_with(".tsv")) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const fs::path& path : paths) {
    std::ifstream stream(path);
    std::string header;
    std::getline(stream, header);
    const bool is_line = header == "at\tloss", is_plane = header == "x\ty\tloss";
    try {
      if (!is_line && !is_plane) throw std::invalid_argument("the header");
      Json& landscape = json["landscape"];
      const char* const kind = is_line ? "line" : "plane";
      if (landscape.contains(kind)) continue;
      const auto rows = rows_of(stream, is_line ? 2 : 3);
      landscape[kind] = is_line ? line_json(rows) : plane_json(rows);
    } catch (const std::exception&) {
      run.files.missing.push_back(
          fmt::format("{}: it is damaged, or not of the command landscape", path.filename().string()));
    }
  }
  if (json.contains("landscape") && json["landscape"].empty()) json.erase("landscape");
}

Json gradcheck_json(const Json& file) {
  Json rows = Json::array();
  for (const Json& check : file.at("checks")) {
    for (const Json& tensor : check.at("tensors")) {
      rows.push_back({{"name", check.at("name").get<std::string>() + ": " + tensor.at("name").get<std::string>()},
                      {"checked", tensor.at("entries")},
                      {"worst_error", tensor.at("worst_relative_error")},
                      {"bar", nullptr},
                      {"verdict", tensor.at("verdict")}});
    }
  }
  return {{"verdict", file.at("verdict")}, {"settings", Json::array()}, {"rows", rows}};
}

void add_gradcheck(LoadedRun& run, Json& json) {
  std::ifstream stream(run.path / "gradcheck.json");
  if (!stream.is_open()) return;
  try {
    json["gradcheck"] = gradcheck_json(Json::parse(stream));
  } catch (const std::exception&) {
    run.files.missing.emplace_back("gradcheck.json: it is damaged, or not of the command gradcheck");
  }
}

}  // namespace

void add_side_files(LoadedRun& run, Json& json) {
  add_landscape(run, json);
  add_gradcheck(run, json);
}

}  // namespace transformlet
