#include "study/head_entries.h"

#include <algorithm>

namespace transformlet {

int64_t heads_beside(const Model& model, const std::string& path, int64_t head) {
  const std::vector<NamedLayer> layers = model.layers();
  const auto layer = std::ranges::find(layers, path, &NamedLayer::name);
  require(layer != layers.end() && path.ends_with("attention") && layer->num_heads > 0,
          "{} is no layer of attention, and only such have heads", path);
  require(head < layer->num_heads, "{} has {} heads, numbered from 0: there is no head {}", path, layer->num_heads,
          head);
  return layer->num_heads;
}

std::vector<int64_t> head_entries(const Model& model, const Parameters& parameters, const std::string& path,
                                  int64_t head) {
  const int64_t num_heads = heads_beside(model, path, head);
  TensorList own;
  int64_t d_model = 0, rows = 0;
  for (const Parameter& parameter : parameters.list()) {
    const std::string& name = parameter.value.name();
    if (!name.starts_with(path + ".")) continue;
    own.push_back(parameter.value);
    if (name == path + ".out.weight") d_model = parameter.value.dim(1);
    if (name == path + ".qkv.weight") rows = parameter.value.dim(0);
  }
  const int64_t size = d_model / num_heads, kv_heads = (rows - d_model) / 2 / size;
  const int64_t kv_head = head / (num_heads / kv_heads);
  // Of the packed projection: queries of all heads, then keys, then values.
  const auto is_own_row = [&](int64_t row) {
    const int64_t part = row / size;
    return part == head || part == num_heads + kv_head || part == num_heads + kv_heads + kv_head;
  };

  std::vector<int64_t> entries;
  int64_t offset = 0;
  for (const Tensor& parameter : own) {
    const int64_t columns = parameter.rank() == 2 ? parameter.dim(1) : 1;
    for (int64_t i = 0; i < parameter.size(); ++i) {
      const bool is_own = parameter.name() == path + ".out.weight" ? i % columns / size == head
                          : parameter.name() == path + ".out.bias" ? false
                                                                   : is_own_row(i / columns);
      if (is_own) entries.push_back(offset + i);
    }
    offset += parameter.size();
  }
  return entries;
}

}  // namespace transformlet
