// Folders of runs: numbers, locks, events.
#include "train/run_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/train/storage_tools.h"
#include "train/environment.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

TEST(RunFolder, NumbersRunsAndLinksTheLatest) {
  const TemporaryFolder folder;
  const fs::path runs = folder.path / "runs";
  EXPECT_EQ(RunFolder::create(runs, "reverse").path(), runs / "reverse" / "1");
  EXPECT_EQ(RunFolder::create(runs, "reverse").path(), runs / "reverse" / "2");
  EXPECT_EQ(RunFolder::create(runs, "sort").path(), runs / "sort" / "1");
  EXPECT_EQ(fs::read_symlink(runs / "reverse" / "latest"), "2");
  fs::remove_all(runs / "reverse" / "1");
  fs::create_directories(runs / "reverse" / "10");
  fs::create_directories(runs / "reverse" / "99-notes");
  EXPECT_EQ(RunFolder::create(runs, "reverse").path(), runs / "reverse" / "11");
  EXPECT_EQ(fs::read_symlink(runs / "reverse" / "latest"), "11");
}

TEST(RunFolder, NamesStayInTheirFolder) {
  const TemporaryFolder folder;
  for (const char* name : {"", ".", "..", "a/b", "../a"}) {
    EXPECT_THROW(RunFolder::create(folder.path, name), UsageError) << name;
  }
}

TEST(RunFolder, ANamedFolderIsNeverOverwritten) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "deep" / "run";
  EXPECT_EQ(RunFolder::create_at(path / "").path(), path);
  EXPECT_EQ(error_of([&] { RunFolder::create_at(path); }),
            path.string() +
                ": it exists already, and no run is ever overwritten; name another folder, or resume the run in it");
  EXPECT_THROW(RunFolder::create_at(path), UsageError);
}

TEST(RunFolder, OpensOnlyRuns) {
  const TemporaryFolder folder;
  EXPECT_TRUE(error_of([&] { RunFolder::open(folder.path / "none"); }).ends_with("there is no such folder"));
  EXPECT_TRUE(error_of([&] { RunFolder::open(folder.path); }).ends_with("it has no config.yaml"));
  EXPECT_EQ(number_of_entries(folder.path), 0U);
  {
    const RunFolder run = RunFolder::create_at(folder.path / "run");
    run.write_config("seed: 1\n");
  }
  EXPECT_EQ(bytes_of_file(RunFolder::open(folder.path / "run").config_path()), "seed: 1\n");
}

TEST(RunFolder, ProcessesThatStartTogetherGetNumbersOfTheirOwn) {
  const TemporaryFolder folder;
  constexpr int processes = 12;
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    children.push_back(start_child([&] {
      const fs::path path = RunFolder::create(folder.path, "race").path();
      return std::stoi(path.filename().string());
    }));
  }
  std::set<int> numbers;
  for (const pid_t child : children) numbers.insert(WEXITSTATUS(wait_for(child)));
  EXPECT_EQ(numbers.size(), size_t{processes});
  EXPECT_EQ(*numbers.begin(), 1);
  EXPECT_EQ(*numbers.rbegin(), processes);
  EXPECT_TRUE(fs::exists(folder.path / "race" / "latest" / "events.jsonl"));
}

TEST(RunFolder, OneProcessAtATime) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "run";
  int to_parent[2], to_child[2];
  ASSERT_EQ(pipe(to_parent), 0);
  ASSERT_EQ(pipe(to_child), 0);
  const pid_t child = start_child([&] {
    const RunFolder run = RunFolder::create_at(path);
    run.write_config("seed: 1\n");
    char byte = 0;
    if (write(to_parent[1], &byte, 1) != 1) return 1;
    return read(to_child[0], &byte, 1) == 1 ? 0 : 1;
  });
  char byte = 0;
  ASSERT_EQ(read(to_parent[0], &byte, 1), 1);
  EXPECT_EQ(error_of([&] { RunFolder::open(path); }),
            fmt::format("{}: process {} is training this run", path.string(), child));
  kill(child, SIGKILL);  // a crash lets go of the lock
  wait_for(child);
  EXPECT_EQ(error_of([&] { RunFolder::open(path); }), "no error");
  for (const int end : {to_parent[0], to_parent[1], to_child[0], to_child[1]}) close(end);
}

TEST(RunFolder, EventsHaveTheirTime) {
  const TemporaryFolder folder;
  RunFolder run = RunFolder::create_at(folder.path / "run");
  run.log_event("started");
  run.log_event("stopped", {{"step", 7}, {"reason", "SIGINT"}});
  std::string events = bytes_of_file(run.path() / "events.jsonl");
  std::ranges::replace_if(
      events, [](char c) { return '0' <= c && c <= '9'; }, '0');
  EXPECT_EQ(events, R"({"time": "0000-00-00T00:00:00.000Z", "event": "started"}
{"time": "0000-00-00T00:00:00.000Z", "event": "stopped", "step": 0, "reason": "SIGINT"}
)");
}

TEST(RunFolder, EnvironmentIsWhatTheNumbersDependOn) {
  const TemporaryFolder folder;
  const RunFolder run = RunFolder::create_at(folder.path / "run");
  run.write_environment(describe_environment(3));
  const auto json = nlohmann::json::parse(bytes_of_file(run.path() / "environment.json"));
  EXPECT_EQ(json.at("threads"), 3);
  for (const char* key : {"version", "commit", "cpu", "instruction_set", "blas", "compiler", "fmt", "nlohmann_json",
                          "yaml_cpp", "cli11", "operating_system"}) {
    EXPECT_FALSE(json.at(key).get<std::string>().empty()) << key;
  }
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof name - 1), 0);
  for (const auto& [key, value] : json.items()) EXPECT_NE(value, name) << key;
}

}  // namespace
}  // namespace transformlet
