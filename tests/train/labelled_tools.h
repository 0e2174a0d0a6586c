// What the tests of labelled sequences share: a config with the task, files in a folder of their own.
#pragma once

#include "tests/train/storage_tools.h"
#include "train/config/reader.h"
#include "train/task.h"

namespace transformlet {

using Ids = std::vector<int32_t>;

struct LabelledConfig {
  Choice<Task> task;
  void describe(Fields& field) { field.variant("task", "name", task, "what is to be learned"); }
};

class LabelledTask : public testing::Test {
 protected:
  Choice<Task> task(const std::string& keys) const {
    auto config = read_config_text<LabelledConfig>("labelled", "task: {name: labelled, " + keys + "}");
    config.task->prepare(1);
    return std::move(config.task);
  }
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
};

inline std::vector<int64_t> places(int64_t count) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i) result.push_back(i);
  return result;
}

// As an evaluation goes through them: the shortest first, of equal ones as in the file.
inline Batch all_of(const Task& task, Split split) { return task.evaluation_batch(split, places(task.size(split))); }

inline Ids row_of(const Tokens& tokens, int64_t row) {
  const int64_t length = tokens.shape()[1];
  return {tokens.data() + row * length, tokens.data() + (row + 1) * length};
}

}  // namespace transformlet
