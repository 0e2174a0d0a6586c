// transformlet_bench [--benchmark_filter=REGEX] [--benchmark_repetitions=N] ...: bench/README.md says how to read it.
#include <benchmark/benchmark.h>

#include "autograd/kernels/blas.h"
#include "train/threads.h"

int main(int argc, char** argv) {
  benchmark::AddCustomContext("threads", std::to_string(transformlet::set_threads(0)));
  benchmark::AddCustomContext("BLAS", transformlet::kernels::blas_description());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
