// The house keeps its shape: a room includes only what it is named to know, headers are guarded, files stay short.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace transformlet {
namespace {

using Names = std::vector<std::string>;

constexpr int max_lines = 400;

// Who may include what. The kernels are a room of their own, inside autograd; optimisers have theirs there too.
const std::map<std::string, Names> rooms_known_to = {
    {"base", {"base"}},
    {"autograd/kernels", {"autograd/kernels", "base"}},
    {"autograd", {"autograd", "autograd/kernels", "base"}},
    {"layers", {"layers", "autograd", "base"}},
    {"optim", {"optim", "autograd", "autograd/kernels", "base"}},
    {"study", {"study", "autograd", "layers", "optim", "base"}},
    {"train", {"train", "study", "autograd", "autograd/kernels", "layers", "optim", "base"}},
};

// Libraries by the first part of their headers' paths, and the rooms that may include them. The standard library and
// the system's headers are everyone's.
const std::map<std::string, Names> rooms_that_know = {
    {"fmt", {"base", "autograd", "layers", "optim", "study", "train"}},
    {"Random123", {"base"}},
    {"omp.h", {"autograd/kernels", "train"}},
    {"cblas.h", {"autograd/kernels", "train"}},
    {"yaml-cpp", {"train"}},
    {"CLI", {"train"}},
    {"gnu", {"train"}},
    {"nlohmann", {"train"}},
    {"pcre2.h", {"train"}},
};

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string first_part(const std::string& path) { return path.substr(0, path.find('/')); }

// The room that a path lies in, or nothing.
std::string room_of(const std::string& path) {
  if (path.starts_with("autograd/kernels/")) return "autograd/kernels";
  const std::string top = first_part(path);
  return top != path && rooms_known_to.contains(top) ? top : "";
}

// What is wrong with an #include of `header` in a file of `room`; nothing if it is right.
std::string wrong_include(const std::string& room, const std::string& header, bool quoted) {
  if (const std::string other = room_of(header); !other.empty()) {
    if (!contains(rooms_known_to.at(room), other)) return room + " does not know " + other;
    if (room == "layers" && header == "autograd/graph.h") return "layers do not see the graph";
    return "";
  }
  if (const auto library = rooms_that_know.find(first_part(header)); library != rooms_that_know.end()) {
    return contains(library->second, room) ? "" : room + " does not know " + library->first;
  }
  if (quoted) return "write the path from the top of the project";  // else the room could not be told
  const std::string folder = first_part(header);
  if (folder != header && folder != "sys") return "no room knows this library";
  return "";
}

// Everything that is wrong with one file, each as "path:line: what".
Names violations(const std::string& path, const std::string& text) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  Names found;
  const std::string room = room_of(path);
  bool guarded = false;
  int line_number = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    ++line_number;
    guarded |= line == "#pragma once";
    std::smatch match;
    if (!std::regex_match(line, match, include)) continue;
    const std::string wrong = wrong_include(room, match[2], match[1] == "\"");
    if (!wrong.empty()) {
      found.push_back(path + ":" + std::to_string(line_number) + ": " + match[2].str() + ": " + wrong);
    }
  }
  if (path.ends_with(".h") && !guarded) found.push_back(path + ":1: #pragma once is missing");
  if ((path.ends_with(".h") || path.ends_with(".cpp")) && line_number > max_lines) {
    found.push_back(path + ":" + std::to_string(line_number) + ": longer than " + std::to_string(max_lines) + " lines");
  }
  return found;
}

TEST(Rooms, EveryArrowIsOneOfTheTable) {
  const std::filesystem::path source = TRANSFORMLET_SOURCE_DIR;
  int files_read = 0;
  for (const std::string room : {"base", "autograd", "layers", "optim", "study", "train"}) {
    if (!std::filesystem::exists(source / room)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(source / room)) {
      if (!entry.is_regular_file()) continue;
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      for (const std::string& violation :
           violations(entry.path().lexically_relative(source).generic_string(), text.str()))
        ADD_FAILURE() << violation;
      ++files_read;
    }
  }
  EXPECT_GE(files_read, 3) << "in " << source;  // an empty walk proves nothing
}

// Below: the checker itself, on made-up files.

TEST(RoomsChecker, AllowsWhatTheTableNames) {
  EXPECT_EQ(violations("layers/linear.cpp",
                       "#include <cmath>\n#include <sys/stat.h>\n#include <fmt/format.h>\n"
                       "#include \"autograd/tensor.h\"\n#include \"base/random.h\"\n"),
            Names{});
  EXPECT_EQ(
      violations("autograd/kernels/matmul.cpp", "#include <cblas.h>\n#include <omp.h>\n#include \"base/error.h\"\n"),
      Names{});
  EXPECT_EQ(violations("autograd/ops/norm.cpp", "#include \"autograd/kernels/norm.h\"\n"), Names{});
  EXPECT_EQ(violations("train/config.cpp",
                       "#include <yaml-cpp/yaml.h>\n#include <CLI/CLI.hpp>\n"
                       "#include <nlohmann/json.hpp>\n#include \"study/probe.h\"\n"),
            Names{});
}

TEST(RoomsChecker, ReportsFileLineAndReason) {
  EXPECT_EQ(violations("base/fields.cpp", "// text\n#include \"autograd/tensor.h\"\n"),
            Names{"base/fields.cpp:2: autograd/tensor.h: base does not know autograd"});
}

TEST(RoomsChecker, FailsOnEveryOtherArrow) {
  struct Case {
    std::string path, line, reason;
  };
  const std::vector<Case> cases = {
      {"autograd/tensor.cpp", "#include \"layers/linear.h\"", "autograd does not know layers"},
      {"autograd/kernels/norm.cpp", "#include \"autograd/tensor.h\"", "autograd/kernels does not know autograd"},
      {"autograd/kernels/norm.cpp", "#include \"autograd/graph.h\"", "autograd/kernels does not know autograd"},
      {"autograd/kernels/norm.cpp", "#include <fmt/format.h>", "autograd/kernels does not know fmt"},
      {"autograd/ops/norm.cpp", "#include <omp.h>", "autograd does not know omp.h"},
      {"layers/linear.h", "#include \"optim/adam.h\"", "layers does not know optim"},
      {"layers/linear.h", "#include \"autograd/kernels/matmul.h\"", "layers does not know autograd/kernels"},
      {"layers/linear.h", "#include \"autograd/graph.h\"", "layers do not see the graph"},
      {"layers/linear.h", "#include <omp.h>", "layers does not know omp.h"},
      {"layers/linear.h", "  #  include <cblas.h>  // sly", "layers does not know cblas.h"},
      {"optim/adam.h", "#include \"layers/linear.h\"", "optim does not know layers"},
      {"optim/adam.h", "#include <layers/linear.h>", "optim does not know layers"},
      {"study/probe.h", "#include \"train/run.h\"", "study does not know train"},
      {"study/probe.h", "#include <nlohmann/json.hpp>", "study does not know nlohmann"},
      {"base/fields.h", "#include \"yaml-cpp/yaml.h\"", "base does not know yaml-cpp"},
      {"base/utf8.cpp", "#include <pcre2.h>", "base does not know pcre2.h"},
      {"layers/config.h", "#include <CLI/CLI.hpp>", "layers does not know CLI"},
      {"autograd/ops/dropout.cpp", "#include <Random123/philox.h>", "autograd does not know Random123"},
      {"optim/adam.h", "#include \"../layers/linear.h\"", "write the path from the top of the project"},
      {"autograd/ops/norm.cpp", "#include \"norm.h\"", "write the path from the top of the project"},
      {"train/run.cpp", "#include <boost/json.hpp>", "no room knows this library"},
  };
  for (const auto& [path, line, reason] : cases) {
    const Names found = violations(path, "#pragma once\n" + line + "\n");
    ASSERT_EQ(found.size(), 1u) << path << ": " << line;
    EXPECT_TRUE(found[0].ends_with(": " + reason)) << found[0];
  }
}

TEST(RoomsChecker, FailsOnAnUnguardedHeaderAndOnALongFile) {
  EXPECT_EQ(violations("base/a.h", "int a();\n"), Names{"base/a.h:1: #pragma once is missing"});
  EXPECT_EQ(violations("base/a.h", "#pragma once\nint a();\n"), Names{});
  EXPECT_EQ(violations("base/a.cpp", "int a();\n"), Names{});

  std::string text;
  for (int i = 0; i < max_lines; ++i) text += "\n";
  EXPECT_EQ(violations("base/a.cpp", text), Names{});
  EXPECT_EQ(violations("base/a.cpp", text + "\n"), Names{"base/a.cpp:401: longer than 400 lines"});
}

}  // namespace
}  // namespace transformlet
