// The `gradcheck` section of a config: what is checked, and how.
#pragma once

#include <optional>

#include "autograd/gradcheck.h"
#include "autograd/mask.h"
#include "base/fields.h"
#include "layers/model.h"

namespace transformlet {

struct GradcheckConfig {
  std::string mode = "directional", dtype = "float64";
  int64_t order = 1, directions = 4, entries = 0, batch_size = 2, seq_len = 0, memory_len = 0;
  std::vector<std::string> layers, masks;

  void describe(Fields& field);

  GradcheckOptions options(uint64_t seed) const;
  // Whether `layers` asks for one: by its name, or by that of a layer around it.
  bool wants(const std::string& name) const;
  // Of a layer by itself.
  int64_t layer_seq_len() const { return seq_len > 0 ? seq_len : 8; }
  int64_t layer_memory_len() const { return memory_len > 0 ? memory_len : layer_seq_len(); }
  DType checked_dtype() const { return dtype == "float32" ? DType::float32 : DType::float64; }
};

// A config that names a layer instead of a task and a model.
struct LayerCheckConfig {
  int64_t seed = 42;
  Choice<LayerConfig> layer;
  GradcheckConfig gradcheck;

  void describe(Fields& field);
};

// Ops are checked without a file.
struct OpCheckConfig {
  int64_t seed = 42;
  GradcheckConfig gradcheck;

  void describe(Fields& field);
};

// The mask that a word of `masks` stands for, for attention of these sizes; lengths and dense masks are drawn from the
// seed. Nothing if the word means nothing.
std::optional<Mask> mask_of(const std::string& words, int64_t batch, int64_t queries, int64_t keys, uint64_t seed);

}  // namespace transformlet
