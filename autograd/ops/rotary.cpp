// Rotary position embedding: linear, and its transpose turns back; so it is its own vjp, closed under differentiation.
#include "autograd/kernels/rotary.h"

#include "autograd/attention.h"
#include "autograd/catalogue.h"

namespace transformlet {
namespace {

Tensor turn(const Tensor& x, const kernels::RotaryProblem& problem) {
  Tensor y = empty_like(x);
  with_dtype(x.dtype(), [&]<class T>() { kernels::rotary<T>().rotary(problem, x.data<T>(), y.data<T>()); });
  auto vjp = [problem](const Backward& backward) -> TensorList {
    kernels::RotaryProblem back = problem;
    back.direction = -problem.direction;
    return {turn(backward.dy(), back)};
  };
  return record({.op = "rotary", .inputs = {x}, .outputs = {y}, .vjp = vjp});
}

}  // namespace

Tensor rotary(const Tensor& x, int64_t num_heads, int64_t head_size, const RotaryOptions& options) {
  require(x.rank() == 3, "rotary: {} is not (batch, length, width)", x);
  require(num_heads >= 0 && head_size >= 2 && head_size % 2 == 0, "rotary: {} heads of size {}; the size must be even",
          num_heads, head_size);
  require(num_heads * head_size <= x.dim(2), "rotary: {} heads of size {} don't fit into {}", num_heads, head_size, x);
  require(options.base > 0 && options.offset >= 0, "rotary: base {} and offset {} must be positive", options.base,
          options.offset);
  return turn(x, {.samples = x.dim(0),
                  .length = x.dim(1),
                  .width = x.dim(2),
                  .heads = num_heads,
                  .head_size = head_size,
                  .base = options.base,
                  .offset = options.offset});
}

namespace {

OpSample::Call call_rotary(int64_t heads, int64_t size, const RotaryOptions& options = {}) {
  return [=](const TensorList& in) { return rotary(in[0], heads, size, options); };
}
const OpSamples rotary_samples(
    "rotary", {{.name = "heads", .inputs = {{2, 3, 8}}, .call = call_rotary(2, 4)},
               {.name = "packed", .inputs = {{2, 3, 12}}, .call = call_rotary(2, 4, {.base = 100, .offset = 7})},
               {.name = "pair", .inputs = {{1, 4, 2}}, .call = call_rotary(1, 2)},
               {.name = "parallel", .inputs = {{5, 40, 100}}, .call = call_rotary(3, 22)},
               {.name = "empty", .inputs = {{0, 3, 4}}, .call = call_rotary(1, 4)},
               {.name = "bad_size",
                .inputs = {{2, 3, 6}},
                .call = call_rotary(2, 3),
                .error = "rotary: 2 heads of size 3; the size must be even"},
               {.name = "bad_width",
                .inputs = {{2, 3, 6}},
                .call = call_rotary(2, 4),
                .error = "rotary: 2 heads of size 4 don't fit into (2, 3, 6)"}});

}  // namespace
}  // namespace transformlet
