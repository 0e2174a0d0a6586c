// Puts stored values into tensors that are there already: a model's weights, an optimiser's state.
#pragma once

#include <vector>

#include "train/safetensors.h"

namespace transformlet {

// Names, shapes and dtypes must agree. If they do not, nothing is written, and one Error lists every tensor that is
// missing (into has it, stored has not), unexpected (the other way round), or of another shape or dtype. Values are
// written through overwrite(), so graphs that saved the old ones refuse to use them.
void restore(const std::vector<NamedTensor>& stored, std::vector<NamedTensor>& into);

}  // namespace transformlet
