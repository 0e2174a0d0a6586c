#include "train/environment.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <build_information.h>  // made by cmake/build_information.cmake

#include <CLI/Version.hpp>
#include <fstream>
#include <nlohmann/json_fwd.hpp>  // for its version

#include "autograd/kernels/blas.h"
#include "base/error.h"

#include "train/threads.h"

namespace transformlet {
namespace {

// The first value of a key in /proc/cpuinfo ("model name : ..."), without the spaces around it.
std::string cpu_information(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;  // another, longer key
    const size_t begin = line.find_first_not_of(' ', colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::string cpu_model() {
  for (const char* key : {"model name", "Model", "cpu model", "cpu"}) {
    if (std::string model = cpu_information(key); !model.empty()) return model;
  }
  return "unknown";
}

// The widest vectors that the CPU has, and those that this program was compiled for.
std::string instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return "avx512f";
  if (__builtin_cpu_supports("avx2")) return __builtin_cpu_supports("fma") ? "avx2+fma" : "avx2";
  return __builtin_cpu_supports("avx") ? "avx" : "sse2";
#elif defined(__ARM_FEATURE_SVE)
  return "sve";
#elif defined(__aarch64__)
  return "neon";
#else
  return "unknown";
#endif
}

std::string compiled_instruction_set() {
#if defined(__AVX512F__)
  return "avx512f";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__AVX__)
  return "avx";
#elif defined(__x86_64__)
  return "sse2";
#else
  return instruction_set();
#endif
}

std::string compiler() {
#if defined(__clang__)
  return __VERSION__;  // names itself
#else
  return std::string("GCC ") + __VERSION__;
#endif
}

std::string operating_system() {
  utsname system{};
  if (uname(&system) != 0) return "unknown";
  return fmt::format("{} {} {}", system.sysname, system.release, system.machine);
}

}  // namespace

JsonFields describe_environment(int threads) {
  const auto version = [](int major, int minor, int patch) { return fmt::format("{}.{}.{}", major, minor, patch); };
  return {
      {"version", TRANSFORMLET_VERSION},
      {"commit", TRANSFORMLET_COMMIT},
      {"build_type", TRANSFORMLET_BUILD_TYPE},
      {"cpu", cpu_model()},
      {"instruction_set", instruction_set()},
      {"compiled_instruction_set", compiled_instruction_set()},
      {"available_cpus", available_cpus()},
      {"threads", threads},
      {"blas", kernels::blas_description()},
      {"compiler", compiler()},
      {"c_library", std::string("glibc ") + gnu_get_libc_version()},
      {"fmt", version(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"nlohmann_json", version(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"yaml_cpp", TRANSFORMLET_YAML_CPP_VERSION},
      {"cli11", CLI11_VERSION},
      {"operating_system", operating_system()},
  };
}

}  // namespace transformlet
