// The forward pass. The backward pass: attention_backward.cpp.
#include "autograd/kernels/attention.h"

#include <omp.h>

#include <cmath>
#include <limits>

#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/dropout.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/scratch.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

// What one thread needs for a block of queries.
template <class T>
struct Room {
  Room(const AttentionProblem& p, T* memory)
      : peak(memory),
        total(peak + query_block),
        weights(total + query_block),
        finite_rows(weights + query_block * key_tile),
        scratch(finite_rows + key_tile * p.value_size) {}
  static int64_t size(const AttentionProblem& p) {
    return 2 * query_block + query_block * key_tile + key_tile * p.value_size + tile_scratch<T>(p);
  }

  T *peak, *total;  // of each row: the largest score so far, and the sum of exp(score - peak)
  T* weights;       // (rows, columns) of a tile
  T *finite_rows, *scratch;
};

// Turns the scores of a row into weights exp(score - peak), with the peak of all tiles so far; what was summed before
// shrinks by the factor that is given back.
template <class T>
T exponentiate_row(int64_t columns, T* w, T& peak, T& total) {
  T highest = peak;
#pragma omp simd reduction(max : highest)
  for (int64_t i = 0; i < columns; ++i) highest = w[i] > highest ? w[i] : highest;
  T sum = 0;
  if (highest == -std::numeric_limits<T>::infinity()) {
    // Nothing seen so far, unless a NaN hides behind the comparison: that one must come through.
    for (int64_t i = 0; i < columns; ++i) sum += w[i] = std::isnan(w[i]) ? w[i] : T(0);
    total += sum;
    return T(1);
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < columns; ++i) {
    w[i] = vector_exp(w[i] - highest);
    sum += w[i];
  }
  const T factor = peak == highest ? T(1) : std::exp(peak - highest);
  total = total * factor + sum;
  peak = highest;
  return factor;
}

template <class T>
void attend_block(const AttentionProblem& p, int64_t sample, int64_t head, Interval queries, const T* q, const T* k,
                  const T* v, T* y, T* log_normaliser, const Room<T>& room) {
  const HeadMask mask(p, sample, head);
  const DropoutMask dropout(p.dropout, p.dropout_key, p.first_sample);
  const Interval all_keys = mask.keys_of(queries);
  for (int64_t query = queries.begin; query < queries.end; ++query) {
    std::fill_n(at(y, p.y, sample, head, query), p.value_size, T(0));
    room.peak[query - queries.begin] = -std::numeric_limits<T>::infinity();
    room.total[query - queries.begin] = T(0);
  }
  for (int64_t key = all_keys.begin; key < all_keys.end; key += key_tile) {
    const Interval keys{key, std::min(all_keys.end, key + key_tile)};
    const Interval seeing = mask.queries_of(keys, queries);
    if (seeing.begin == seeing.end) continue;
    const Tile tile(mask, seeing, keys);
    T* const out = at(y, p.y, sample, head, tile.query);
    scores_of(p, tile, at(q, p.q, sample, head, tile.query), at(k, p.k, sample, head / p.group, key), room.weights,
              room.scratch);
    tile.add_bias(p, head, room.weights);
    tile.fill_outside(room.weights, -std::numeric_limits<T>::infinity());
    for (int64_t row = 0; row < tile.rows; ++row) {
      T* const w = room.weights + row * tile.columns;
      const int64_t place = tile.query - queries.begin + row;
      const T factor = exponentiate_row(tile.columns, w, room.peak[place], room.total[place]);
      if (p.dropout > 0) dropout.apply(sample, head * p.queries + tile.query + row, key, tile.columns, w, w);
      if (factor != T(1)) {
#pragma omp simd
        for (int64_t i = 0; i < p.value_size; ++i) out[row * p.y.row + i] *= factor;
      }
    }
    add_selected<T>(
        {.m = tile.rows,
         .n = p.value_size,
         .k = tile.columns,
         .a = room.weights,
         .lda = tile.columns,
         .b = at(v, p.v, sample, head / p.group, key),
         .ldb = p.v.row,
         .beta = 1,
         .c = out,
         .ldc = p.y.row},
        tile.partial, [&](int64_t row, int64_t column) { return tile.allows(row, column); }, room.finite_rows,
        room.scratch);
  }
  for (int64_t query = queries.begin; query < queries.end; ++query) {
    const T total = room.total[query - queries.begin];
    log_normaliser[(sample * p.heads + head) * p.queries + query] = room.peak[query - queries.begin] + std::log(total);
    if (total == T(0)) continue;
    T* const out = at(y, p.y, sample, head, query);
    const T scale = T(1) / total;
#pragma omp simd
    for (int64_t i = 0; i < p.value_size; ++i) out[i] *= scale;
  }
}

}  // namespace

template <class T>
void TRANSFORMLET_LEVEL::attention_forward(const AttentionProblem& p, const T* q, const T* k, const T* v, T* y,
                                           T* log_normaliser) {
  const int64_t blocks = (p.queries + query_block - 1) / query_block, tasks = p.samples * p.heads * blocks;
  if (tasks == 0) return;
  const int64_t cost = p.samples * p.heads * p.queries * p.keys * (p.key_size + p.value_size) / 16;
  const bool serial = cost < serial_elements || omp_in_parallel();
  const int64_t threads = serial ? 1 : omp_get_max_threads(), room = Room<T>::size(p);
  Scratch<T> memory(threads * room);
  T* const rooms = memory.data();
  // Dealt out as threads become free, because a causal mask makes later blocks longer; in a few portions a thread,
  // because dealing costs as much as a short head.
#pragma omp parallel for schedule(static) if (!serial)
  for (int64_t task = 0; task < tasks; ++task) {
    const int64_t head = task / blocks, query = task % blocks * query_block;
    attend_block(p, head / p.heads, head % p.heads, {query, std::min(p.queries, query + query_block)}, q, k, v, y,
                 log_normaliser, Room<T>(p, rooms + (serial ? 0 : omp_get_thread_num()) * room));
  }
}

template <>
const AttentionKernels<float> Levels<AttentionKernels<float>>::TRANSFORMLET_LEVEL = {attention_forward<float>,
                                                                                     attention_backward<float>};
template <>
const AttentionKernels<double> Levels<AttentionKernels<double>>::TRANSFORMLET_LEVEL = {attention_forward<double>,
                                                                                       attention_backward<double>};

}  // namespace transformlet::kernels
