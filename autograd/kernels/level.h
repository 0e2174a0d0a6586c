// Instruction sets. Kernels are compiled once for each level, in a namespace and a table of their own; the best level
// that the machine has is chosen at run time, so one binary runs everywhere and uses what it finds.
//
// A kernel file (norm.cpp) is compiled with TRANSFORMLET_LEVEL set to the level's name. Its functions have internal
// linkage; what the rest of the program may call stands in a table, a struct of function pointers (norm.h), which the
// file fills at its end:
//
//   template <> const NormKernels<float> Levels<NormKernels<float>>::TRANSFORMLET_LEVEL = {layer_norm<float>, ...};
//
// Headers that several kernel files share put their functions into the namespace TRANSFORMLET_LEVEL: otherwise the
// linker would keep one copy of each, and might keep the one that the machine can't run.
#pragma once

#include <string>
#include <vector>

#ifndef TRANSFORMLET_LEVEL
#define TRANSFORMLET_LEVEL baseline
#endif

namespace transformlet::kernels {

// baseline: what the compiler was told to build the program for (x86-64: SSE2; ARM: NEON).
enum class Level { baseline, avx2, avx512 };

// The level in use: the best that this machine has, or the one that the environment variable
// TRANSFORMLET_INSTRUCTION_SET names. An Error if that is no level, or one that the machine does not have.
Level level();
std::string name_of(Level level);
std::vector<Level> available_levels();
// For tests and comparisons: the level from now on.
void use_level(Level level);

template <class Table>
struct Levels {
  static const Table baseline;
#if defined(__x86_64__)
  static const Table avx2, avx512;
#endif
};

// The kernels of the level in use.
template <class Table>
const Table& best() {
#if defined(__x86_64__)
  const Level now = level();
  if (now == Level::avx512) return Levels<Table>::avx512;
  if (now == Level::avx2) return Levels<Table>::avx2;
#endif
  return Levels<Table>::baseline;
}

namespace TRANSFORMLET_LEVEL {}
using namespace TRANSFORMLET_LEVEL;

}  // namespace transformlet::kernels
