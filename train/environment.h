// What a run's numbers may depend on beside its config: the program, the machine, the libraries.
#pragma once

#include "train/json_text.h"

namespace transformlet {

// Version and commit of the program, CPU, instruction set, threads, BLAS, compiler, libraries, operating system. Not
// the machine's name: runs are shared.
JsonFields describe_environment(int threads);

}  // namespace transformlet
