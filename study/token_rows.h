// The rows of an activation (B, T, width) that belong to tokens, not to padding: b * T + t for each. All rows of an
// activation (B, width).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "layers/model.h"

namespace transformlet {

// `name` is the activation's: of a model that reads a source, that of its encoder is as long as the source.
std::vector<int64_t> token_rows(std::string_view name, const Tensor& x, const ModelInputs& examples);

}  // namespace transformlet
