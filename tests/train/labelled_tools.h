// What the tests of labelled sequences share.
#pragma once

#include "tests/train/task_tools.h"

namespace transformlet {

class LabelledTask : public FileTask {
 protected:
  LabelledTask() : FileTask("labelled") {}
};

// As an evaluation goes through them: the shortest first, of equal ones as in the file.
inline Batch all_of(const Task& task, Split split) { return task.evaluation_batch(split, first(task.size(split))); }

}  // namespace transformlet
