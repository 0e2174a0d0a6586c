// How many threads to compute with.
#pragma once

#include <cstdint>
#include <filesystem>

namespace transformlet {

constexpr int64_t most_threads = 1024;

// The CPUs that this process may use: the least of its affinity (taskset) and of the quotas of its control groups
// (containers; one and a half CPUs count as two). At least 1.
int available_cpus();

// Sets the number of OpenMP threads of the calling thread's parallel regions, and returns it. 0 means auto: what
// OMP_NUM_THREADS says, if it is set, otherwise available_cpus(). More than there are CPUs is allowed; negative, or
// more than most_threads, is a UsageError.
int set_threads(int64_t requested);

// The whole CPUs that the quotas of control groups (version 1 and 2) allow, or 0 if there is no quota. `membership` is
// the text of /proc/self/cgroup, `root` is /sys/fs/cgroup.
int cgroup_cpus(const std::string& membership, const std::filesystem::path& root);

}  // namespace transformlet
