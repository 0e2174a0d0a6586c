// Signals and threads: what the process is told, and what it may use.
#include <gtest/gtest.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>

#include "tests/train/storage_tools.h"
#include "train/signals.h"
#include "train/threads.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

TEST(Signals, TheFirstIsNoted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    EXPECT_EQ(in_child([&] {
                handle_signals();
                if (stop_signal() != 0) return 1;
                raise(signal);
                return stop_signal() == signal ? 0 : 2;
              }),
              0);
  }
}

TEST(Signals, ASecondInterruptEndsTheProcess) {
  EXPECT_EQ(in_child([] {
              handle_signals();
              raise(SIGINT);
              raise(SIGINT);
              return 0;
            }),
            -SIGINT);
}

TEST(Signals, ASecondTerminationDoesNot) {
  EXPECT_EQ(in_child([] {
              handle_signals();
              raise(SIGTERM);
              raise(SIGTERM);
              raise(SIGINT);
              return stop_signal() == SIGTERM ? 0 : 1;
            }),
            0);
}

TEST(Threads, AsManyAsAskedFor) {
  EXPECT_EQ(in_child([] {
              unsetenv("OMP_NUM_THREADS");
              if (set_threads(3) != 3 || omp_get_max_threads() != 3) return 1;
              if (set_threads(1024) != 1024) return 2;
              return set_threads(0) == available_cpus() ? 0 : 3;
            }),
            0);
  EXPECT_EQ(error_of([] { set_threads(1025); }), "threads must be between 0 (auto) and 1024, not 1025");
  EXPECT_THROW(set_threads(-1), UsageError);
}

TEST(Threads, AffinityCounts) {
  EXPECT_GE(available_cpus(), 1);
  EXPECT_EQ(in_child([] {
              cpu_set_t allowed, one;
              sched_getaffinity(0, sizeof allowed, &allowed);
              CPU_ZERO(&one);
              for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
                if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
              }
              sched_setaffinity(0, sizeof one, &one);
              return available_cpus();
            }),
            1);
}

TEST(Threads, QuotasOfControlGroups) {
  const TemporaryFolder folder;
  const fs::path root = folder.path;
  const auto put = [&](const fs::path& file, const char* text) {
    fs::create_directories((root / file).parent_path());
    write_bytes(root / file, text);
  };
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", root), 0);
  put("a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", root), 0);
  put("a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", root), 3);  // two and a half
  put("a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", root), 1);
  EXPECT_EQ(cgroup_cpus("0::/\n", root), 0);
  put("cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/not/seen/from/here\n", root), 4);

  put("cpu/docker/cpu.cfs_quota_us", "150000\n");
  put("cpu/docker/cpu.cfs_period_us", "100000\n");
  put("cpu/cpu.cfs_quota_us", "-1\n");
  put("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus("12:memory:/docker\n4:cpu,cpuacct:/docker\n", root), 2);
  EXPECT_EQ(cgroup_cpus("4:cpuset:/docker\n", root), 0);
  EXPECT_EQ(cgroup_cpus("", root), 0);
  EXPECT_EQ(cgroup_cpus("rubbish", root), 0);
}

}  // namespace
}  // namespace transformlet
