// Which numbers of an attention layer's parameters are one head's alone.
#pragma once

#include <cstdint>
#include <vector>

#include "layers/model.h"

namespace transformlet {

// How many heads the layer has. An Error if `path` is no layer of attention of the model, or has no such head.
int64_t heads_beside(const Model& model, const std::string& path, int64_t head);

// Of the parameters below `path`, a layer of attention (layers/attention.h), taken in their order as one long vector:
// the places of the head's rows of qkv.weight and qkv.bias and of its columns of out.weight, ascending. out.bias is no
// head's. Keys and values that the head shares with others count as its own. Errors: those of heads_beside().
std::vector<int64_t> head_entries(const Model& model, const Parameters& parameters, const std::string& path,
                                  int64_t head);

}  // namespace transformlet
