// What the tests of tasks share: a task from its keys, files that it reads, rows of its batches.
#pragma once

#include <numeric>

#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/task.h"

namespace transformlet {

using Ids = std::vector<int32_t>;

struct TaskConfig {
  Choice<Task> task;
  void describe(Fields& field) { field.variant("task", "name", task, "what is to be learned"); }
};

// `source` is what errors call the text.
inline Choice<Task> task_of(const std::string& keys, uint64_t seed = 42, const std::string& source = "task") {
  auto config = read_config_text<TaskConfig>(source, "task: {" + keys + "}");
  config.task->prepare(seed);
  return std::move(config.task);
}

inline Ids row_of(const Tokens& tokens, int64_t row) {
  const int64_t length = tokens.shape()[1];
  return {tokens.data() + row * length, tokens.data() + (row + 1) * length};
}

inline std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), 0);
  return places;
}

// Tests of the task of this name, which reads files in a folder of the test's own.
class FileTask : public testing::Test {
 protected:
  explicit FileTask(std::string name) : name_(std::move(name)) {}

  Choice<Task> task(const std::string& keys) const { return task_of("name: " + name_ + ", " + keys); }
  // A file, and the key that names it.
  std::string file(const std::string& name, const std::string& text, const std::string& key = "path") const {
    write_bytes(folder.path / name, text);
    return key + ": " + (folder.path / name).string();
  }
  std::string without_folder(std::string text) const {
    const std::string prefix = folder.path.string() + "/";
    for (size_t at = text.find(prefix); at != text.npos; at = text.find(prefix)) text.erase(at, prefix.size());
    return text;
  }
  // The message, without the place in the config and the path of this test's folder.
  std::string refusal(const std::string& keys) const {
    const std::string text = without_folder(error_of([&] { task(keys); }));
    return text.substr(text.find(" task.") + 1);
  }

  TemporaryFolder folder;

 private:
  std::string name_;
};

}  // namespace transformlet
