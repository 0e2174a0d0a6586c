#include "train/threads.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

// Read before anything in this program can have changed it.
const int openmp_default = omp_get_max_threads();

int affinity_cpus() {
  // The set must be at least as large as the kernel's: it says EINVAL until it is.
  for (size_t cpus = 1024; cpus <= size_t{1} << 20; cpus *= 2) {
    std::vector<unsigned long> set(cpus / (8 * sizeof(unsigned long)));
    const size_t bytes = set.size() * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(set.data())) == 0) {
      return CPU_COUNT_S(bytes, reinterpret_cast<cpu_set_t*>(set.data()));
    }
  }
  return omp_get_num_procs();
}

int cpus_of(double quota, double period) {
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(std::ceil(quota / period))) : 0;
}

// Version 2 has one file, "max 100000" or "150000 100000"; version 1 has two, with a quota of -1 if there is none.
int quota_of(const fs::path& group, bool version_2) {
  double quota = 0, period = 0;
  if (version_2) {
    std::ifstream(group / "cpu.max") >> quota >> period;
  } else {
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  return cpus_of(quota, period);
}

int least(int a, int b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

bool has_cpu(const std::string& controllers) {
  std::stringstream stream(controllers);
  for (std::string name; std::getline(stream, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

int cgroup_cpus(const std::string& membership, const fs::path& root) {
  int result = 0;
  std::stringstream stream(membership);
  // Each line is "number:controllers:/path"; version 2's has number 0 and no controllers.
  for (std::string number, controllers, path;
       std::getline(stream, number, ':') && std::getline(stream, controllers, ':') && std::getline(stream, path);) {
    const bool version_2 = number == "0" && controllers.empty();
    if (!version_2 && !has_cpu(controllers)) continue;
    const fs::path mount = version_2 ? root : root / "cpu";
    // A quota holds for all groups below it. Inside a container the path may be the host's and not be there; the
    // container's own group is then the root.
    for (fs::path group = fs::path(path).relative_path();; group = group.parent_path()) {
      result = least(result, quota_of(mount / group, version_2));
      if (group.empty()) break;
    }
  }
  return result;
}

int available_cpus() {
  std::ifstream file("/proc/self/cgroup");
  const std::string membership(std::istreambuf_iterator<char>(file), {});
  return std::max(1, least(affinity_cpus(), cgroup_cpus(membership, "/sys/fs/cgroup")));
}

int set_threads(int64_t requested) {
  if (requested < 0 || requested > most_threads) {
    throw UsageError(fmt::format("threads must be between 0 (auto) and {}, not {}", most_threads, requested));
  }
  int64_t threads = requested;
  if (threads == 0) threads = std::getenv("OMP_NUM_THREADS") != nullptr ? openmp_default : available_cpus();
  threads = std::min(threads, most_threads);
  omp_set_dynamic(0);  // as many as were asked for, not as many as seem good at the moment
  omp_set_num_threads(static_cast<int>(threads));
  return static_cast<int>(threads);
}

}  // namespace transformlet
