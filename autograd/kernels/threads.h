// How many threads the kernels' parallel regions have, in the calling thread.
#pragma once

#include <omp.h>

namespace transformlet::kernels {

inline int threads() { return omp_get_max_threads(); }

// That many until the end of the scope.
class ThreadsAre {
 public:
  explicit ThreadsAre(int count) : before_(threads()) { omp_set_num_threads(count); }
  ~ThreadsAre() { omp_set_num_threads(before_); }
  ThreadsAre(const ThreadsAre&) = delete;
  ThreadsAre& operator=(const ThreadsAre&) = delete;

 private:
  int before_;
};

}  // namespace transformlet::kernels
