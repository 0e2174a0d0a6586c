#include "autograd/kernels/dropout.h"

#include "autograd/kernels/parallel.h"

namespace transformlet::kernels {
namespace {

constexpr int64_t mask_cost = 4;  // an element with its random word, in units of an addition

template <class T>
void dropout(int64_t samples, int64_t rows, int64_t columns, const T* x, double probability, RandomKey key,
             int64_t first_sample, T* y) {
  const DropoutMask mask(probability, key, first_sample);
  for_rows(samples * rows, mask_cost * columns, [=, &mask](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      mask.apply(i / rows, i % rows, 0, columns, x + i * columns, y + i * columns);
    }
  });
}

}  // namespace

template <>
const DropoutKernels<float> Levels<DropoutKernels<float>>::TRANSFORMLET_LEVEL = {dropout<float>};
template <>
const DropoutKernels<double> Levels<DropoutKernels<double>>::TRANSFORMLET_LEVEL = {dropout<double>};

}  // namespace transformlet::kernels
