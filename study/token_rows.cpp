#include "study/token_rows.h"

#include <numeric>

namespace transformlet {

std::vector<int64_t> token_rows(std::string_view name, const Tensor& x, const ModelInputs& examples) {
  const bool of_source = examples.source.size() > 0 && name.starts_with("encoder.");
  const int64_t* const lengths = (of_source ? examples.source_mask : examples.mask).lengths();
  if (lengths == nullptr) {
    std::vector<int64_t> rows(static_cast<size_t>(x.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  const Tokens& ids = of_source ? examples.source : examples.ids;
  const int64_t length = x.dim(1), in_front = length - ids.shape()[1];  // a classifier's [CLS]
  std::vector<int64_t> rows;
  for (int64_t sample = 0; sample < x.dim(0); ++sample) {
    for (int64_t i = 0; i < lengths[sample] + in_front; ++i) rows.push_back(sample * length + i);
  }
  return rows;
}

}  // namespace transformlet
