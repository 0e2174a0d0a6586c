#include <algorithm>

#include "autograd/kernels/arithmetic.h"

namespace transformlet::kernels {

template <size_t N>
Broadcast<N>::Broadcast(std::span<const int64_t> output, const std::array<std::span<const int64_t>, N>& operands) {
  std::array<int64_t, N> stride;
  stride.fill(1);
  // From the last axis to the first, collected in reverse and turned round at the end.
  for (size_t back = 1; back <= output.size(); ++back) {
    const int64_t size = output[output.size() - back];
    std::array<int64_t, N> step;
    for (size_t k = 0; k < N; ++k) {
      const int64_t own = back <= operands[k].size() ? operands[k][operands[k].size() - back] : 1;
      step[k] = own == 1 ? 0 : stride[k];
      stride[k] *= own;
    }
    if (size == 1) continue;
    const auto outermost = static_cast<size_t>(rank) - 1;
    bool merges = rank > 0;
    for (size_t k = 0; k < N && merges; ++k) merges = step[k] == steps[outermost][k] * sizes[outermost];
    if (merges) {
      sizes[outermost] *= size;
      continue;
    }
    sizes[static_cast<size_t>(rank)] = size;
    steps[static_cast<size_t>(rank)] = step;
    ++rank;
  }
  if (rank == 0) {
    sizes[0] = 1;
    rank = 1;
  }
  std::reverse(sizes.begin(), sizes.begin() + rank);
  std::reverse(steps.begin(), steps.begin() + rank);
}

template <size_t N>
int64_t Broadcast<N>::place(size_t operand, int64_t i) const {
  int64_t result = 0;
  for (auto axis = static_cast<size_t>(rank); axis-- > 0;) {
    result += i % sizes[axis] * steps[axis][operand];
    i /= sizes[axis];
  }
  return result;
}

template struct Broadcast<2>;
template struct Broadcast<3>;

}  // namespace transformlet::kernels
