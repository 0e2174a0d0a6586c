// The gradients of attention. With W the weights, M the dropout mask and D[i] = <dy[i], y[i]>:
// dv = (W M)^T dy;  dS = W (M (dy v^T) - D);  dq = scale dS k;  dk = scale dS^T q.
#include <omp.h>

#include <cmath>

#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/dropout.h"
#include "autograd/kernels/parallel.h"
#include "autograd/kernels/scratch.h"
#include "autograd/kernels/vector_math.h"

namespace transformlet::kernels {
namespace {

template <class T>
struct Operands {
  const T *q, *k, *v, *y, *log_normaliser, *dy;
  T *dq, *dk, *dv;
};

// What one thread needs for a tile.
template <class T>
struct Room {
  Room(const AttentionProblem& p, T* memory)
      : weights(memory),
        dscores(weights + query_block * key_tile),
        kept(p.dropout > 0 ? dscores + query_block * key_tile : weights),
        finite_rows(dscores + (p.dropout > 0 ? 2 : 1) * query_block * key_tile),
        scratch(finite_rows + query_block * std::max(p.key_size, p.value_size)) {}
  static int64_t size(const AttentionProblem& p) {
    return 3 * query_block * key_tile + query_block * std::max(p.key_size, p.value_size) + tile_scratch<T>(p);
  }

  T *weights, *dscores;  // (rows, columns) of a tile
  T* kept;               // the weights after dropout
  T *finite_rows, *scratch;
};

// What a tile of scores adds to the gradients. dq has rows of its own; dk and dv are overwritten if this is the first
// tile of its keys.
template <class T>
void add_tile(const AttentionProblem& p, int64_t sample, int64_t head, const Tile& tile, const Operands<T>& x,
              const T* corrections, T* dq, int64_t dq_row, bool first, const Room<T>& room) {
  const DropoutMask dropout(p.dropout, p.dropout_key, p.first_sample);
  const T* const q = at(x.q, p.q, sample, head, tile.query);
  const T* const k = at(x.k, p.k, sample, head / p.group, tile.key);
  const T* const v = at(x.v, p.v, sample, head / p.group, tile.key);
  const T* const dy = at(x.dy, p.y, sample, head, tile.query);
  const T* const normalisers = x.log_normaliser + (sample * p.heads + head) * p.queries + tile.query;
  const int64_t rows = tile.rows, columns = tile.columns, dropout_row = head * p.queries + tile.query;
  const auto allows = [&](int64_t row, int64_t column) { return tile.allows(row, column); };
  const auto allows_turned = [&](int64_t column, int64_t row) { return tile.allows(row, column); };

  scores_of(p, tile, q, k, room.weights, room.scratch);
  tile.add_bias(p, head, room.weights);
  for (int64_t row = 0; row < rows; ++row) {
    T* const w = room.weights + row * columns;
    const T normaliser = normalisers[row];
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) w[i] = vector_exp(w[i] - normaliser);
  }
  tile.fill_outside(room.weights, T(0));
  if (p.dropout > 0) {
    for (int64_t row = 0; row < rows; ++row) {
      dropout.apply(sample, dropout_row + row, tile.key, columns, room.weights + row * columns,
                    room.kept + row * columns);
    }
  }
  add_selected<T>({.transpose_a = true,
                   .m = columns,
                   .n = p.value_size,
                   .k = rows,
                   .a = room.kept,
                   .lda = columns,
                   .b = dy,
                   .ldb = p.y.row,
                   .beta = T(first ? 0 : 1),
                   .c = at(x.dv, p.v, sample, head / p.group, tile.key),
                   .ldc = p.v.row},
                  tile.partial, allows_turned, room.finite_rows, room.scratch);
  gemm<T>({.transpose_b = true,
           .m = rows,
           .n = columns,
           .k = p.value_size,
           .a = dy,
           .lda = p.y.row,
           .b = v,
           .ldb = p.v.row,
           .c = room.dscores,
           .ldc = columns},
          room.scratch);
  for (int64_t row = 0; row < rows; ++row) {
    T* const ds = room.dscores + row * columns;
    const T* const w = room.weights + row * columns;
    if (p.dropout > 0) dropout.apply(sample, dropout_row + row, tile.key, columns, ds, ds);
    const T shift = corrections[tile.query + row];
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) ds[i] = w[i] * (ds[i] - shift);
  }
  tile.fill_outside(room.dscores, T(0));  // 0 * NaN again
  add_selected<T>({.m = rows,
                   .n = p.key_size,
                   .k = columns,
                   .alpha = static_cast<T>(p.scale),
                   .a = room.dscores,
                   .lda = columns,
                   .b = k,
                   .ldb = p.k.row,
                   .beta = 1,
                   .c = dq,
                   .ldc = dq_row},
                  tile.partial, allows, room.finite_rows, room.scratch);
  add_selected<T>({.transpose_a = true,
                   .m = columns,
                   .n = p.key_size,
                   .k = rows,
                   .alpha = static_cast<T>(p.scale),
                   .a = room.dscores,
                   .lda = columns,
                   .b = q,
                   .ldb = p.q.row,
                   .beta = T(first ? 0 : 1),
                   .c = at(x.dk, p.k, sample, head / p.group, tile.key),
                   .ldc = p.k.row},
                  tile.partial, allows_turned, room.finite_rows, room.scratch);
}

// The part of a head's gradients that some of its keys bring: dk and dv of these keys, which are overwritten by the
// first head of a group, and what they add to dq, which has rows of its own and is set to zero here.
template <class T>
void attend_keys(const AttentionProblem& p, int64_t sample, int64_t head, Interval all_keys, const Operands<T>& x,
                 const T* corrections, T* dq, int64_t dq_row, const Room<T>& room) {
  const bool first_head = head % p.group == 0;
  const HeadMask mask(p, sample, head);
  for (int64_t query = 0; query < p.queries; ++query) std::fill_n(dq + query * dq_row, p.key_size, T(0));
  for (int64_t key = all_keys.begin; key < all_keys.end; key += key_tile) {
    const Interval keys{key, std::min(all_keys.end, key + key_tile)};
    const Interval queries = mask.queries_of(keys, {0, p.queries});
    bool first = first_head;
    for (int64_t query = queries.begin; query < queries.end; query += query_block) {
      const Tile tile(mask, {query, std::min(queries.end, query + query_block)}, keys);
      add_tile(p, sample, head, tile, x, corrections, dq + query * dq_row, dq_row, first, room);
      first = false;
    }
    if (!first) continue;
    for (int64_t i = keys.begin; i < keys.end; ++i) {
      std::fill_n(at(x.dk, p.k, sample, head / p.group, i), p.key_size, T(0));
      std::fill_n(at(x.dv, p.v, sample, head / p.group, i), p.value_size, T(0));
    }
  }
}

// <dy, y> of each row of a head, y and dy lying alike
template <class T>
void correct_rows(const AttentionProblem& p, const T* y, const T* dy, T* corrections) {
  for (int64_t row = 0; row < p.queries; ++row) {
    T total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < p.value_size; ++i) total += dy[row * p.y.row + i] * y[row * p.y.row + i];
    corrections[row] = total;
  }
}

}  // namespace

template <class T>
void TRANSFORMLET_LEVEL::attention_backward(const AttentionProblem& p, const T* q, const T* k, const T* v, const T* y,
                                            const T* log_normaliser, const T* dy, T* dq, T* dk, T* dv) {
  const Operands<T> x{q, k, v, y, log_normaliser, dy, dq, dk, dv};
  const int64_t heads = p.samples * p.heads, groups = heads / p.group;
  if (heads == 0) return;
  // A few long heads would leave threads without work: then each head's keys are cut into parts, whose gradients of the
  // queries are summed afterwards. Into how many depends on the sizes alone, and so do the bits.
  const int64_t parts = groups >= 16 ? 1 : std::clamp<int64_t>(p.keys / 256, 1, 4);
  const int64_t part_keys = (((p.keys + parts - 1) / parts + key_tile - 1) / key_tile) * key_tile;
  const int64_t cost = heads * p.queries * p.keys * (p.key_size + p.value_size) / 8;
  const bool serial = cost < serial_elements || omp_in_parallel();
  const int64_t threads = serial ? 1 : omp_get_max_threads(), room = Room<T>::size(p);
  const int64_t part_size = p.queries * p.key_size, head_size = p.queries + (parts - 1) * part_size;
  Scratch<T> memory(threads * room + heads * head_size);
  T* const rooms = memory.data();
  T* const corrections = rooms + threads * room;
  T* const further_parts = corrections + heads * p.queries;
#pragma omp parallel if (!serial)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < heads; ++i) {
      correct_rows(p, at(y, p.y, i / p.heads, i % p.heads, 0), at(dy, p.y, i / p.heads, i % p.heads, 0),
                   corrections + i * p.queries);
    }
#pragma omp for schedule(static)
    for (int64_t task = 0; task < groups * parts; ++task) {
      const int64_t part = task % parts;
      const Interval keys{std::min(p.keys, part * part_keys), std::min(p.keys, (part + 1) * part_keys)};
      // The heads of a group write the same dk and dv: one after the other.
      for (int64_t i = task / parts * p.group; i < (task / parts + 1) * p.group; ++i) {
        const int64_t sample = i / p.heads, head = i % p.heads;
        T* const own = further_parts + (i * (parts - 1) + part - 1) * part_size;
        attend_keys(p, sample, head, keys, x, corrections + i * p.queries,
                    part == 0 ? at(dq, p.q, sample, head, 0) : own, part == 0 ? p.q.row : p.key_size,
                    Room<T>(p, rooms + omp_get_thread_num() * room));
      }
    }
    if (parts > 1) {
#pragma omp for schedule(static)
      for (int64_t row = 0; row < heads * p.queries; ++row) {
        const int64_t i = row / p.queries, query = row % p.queries;
        T* const to = at(dq, p.q, i / p.heads, i % p.heads, query);
        for (int64_t part = 1; part < parts; ++part) {
          const T* const from = further_parts + (i * (parts - 1) + part - 1) * part_size + query * p.key_size;
#pragma omp simd
          for (int64_t j = 0; j < p.key_size; ++j) to[j] += from[j];
        }
      }
    }
  }
}

template void TRANSFORMLET_LEVEL::attention_backward(const AttentionProblem&, const float*, const float*, const float*,
                                                     const float*, const float*, const float*, float*, float*, float*);
template void TRANSFORMLET_LEVEL::attention_backward(const AttentionProblem&, const double*, const double*,
                                                     const double*, const double*, const double*, const double*,
                                                     double*, double*, double*);

}  // namespace transformlet::kernels
