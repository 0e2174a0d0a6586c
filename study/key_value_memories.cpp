#include "study/key_value_memories.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "study/logit_parts.h"
#include "study/token_rows.h"

namespace transformlet {
namespace {

constexpr int64_t units_at_a_time = 64;  // whose logits are in memory together

// The places of the largest values, the largest first.
template <class Value>
std::vector<int64_t> largest(int64_t count, int64_t most, const Value& value) {
  std::vector<int64_t> places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), 0);
  const auto end = places.begin() + std::min(most, count);
  std::partial_sort(places.begin(), end, places.end(),
                    [&](int64_t a, int64_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
  places.erase(end, places.end());
  return places;
}

// Coefficients (tokens, units) of the tokens at the given rows.
template <class T>
void add_triggers(const T* coefficients, const std::vector<int64_t>& rows, int64_t most,
                  std::vector<Memory>& memories) {
  const auto units = static_cast<int64_t>(memories.size()), tokens = static_cast<int64_t>(rows.size());
  for (Memory& memory : memories) {
    const auto coefficient = [&](int64_t i) {
      return static_cast<double>(coefficients[rows[static_cast<size_t>(i)] * units + memory.unit]);
    };
    for (const int64_t i : largest(tokens, most, coefficient)) {
      if (coefficient(i) > 0) memory.triggers.push_back({rows[static_cast<size_t>(i)], coefficient(i)});
    }
    double sum = 0;
    for (int64_t i = 0; i < tokens; ++i) sum += std::abs(coefficient(i));
    memory.size = tokens > 0 ? sum / static_cast<double>(tokens) : 0;
  }
}

void add_promoted(const Tensor& logits, int64_t most, Memory* memories) {
  const int64_t classes = logits.columns();
  const std::vector<double> values = logits.to_vector();
  for (int64_t row = 0; row < logits.rows(); ++row) {
    const double* const first = values.data() + row * classes;
    const double mean = std::accumulate(first, first + classes, 0.0) / static_cast<double>(classes);
    for (const int64_t id : largest(classes, most, [&](int64_t i) { return first[i]; })) {
      memories[row].promoted.push_back({static_cast<int32_t>(id), first[id] - mean});
    }
  }
}

}  // namespace

std::vector<Memory> key_value_memories(const Decoder& decoder, const ModelInputs& examples, int64_t block,
                                       int64_t most) {
  const NoRecording off;
  const EncoderBlock& of = decoder.blocks.blocks.at(static_cast<size_t>(block));
  require(of.feed_forward.has_value(), "{}: it has no feed-forward layer", of.path);
  const FeedForward& feed_forward = *of.feed_forward;
  Collector collector(feed_forward.path + ".hidden");
  decoder(examples, Pass::evaluation().with_tap(collector));
  const Tensor& hidden = collector.activations().front();  // (B, T, d_ff)
  const int64_t units = hidden.columns();
  std::vector<Memory> memories(static_cast<size_t>(units));
  for (int64_t unit = 0; unit < units; ++unit) memories[static_cast<size_t>(unit)].unit = unit;
  with_dtype(hidden.dtype(), [&]<class T>() {
    add_triggers(hidden.data<T>(), token_rows(feed_forward.path, hidden, examples), most, memories);
  });
  const Tensor values = transpose(cast(constant(feed_forward.down.weight), DType::float64), 0, 1);  // (d_ff, d_model)
  const std::vector<double> lengths = sqrt(sum(square(values), {1})).to_vector();
  for (Memory& memory : memories) memory.size *= lengths[static_cast<size_t>(memory.unit)];
  const Tensor head = cast(constant(unembedding(decoder)), DType::float64);
  for (int64_t first = 0; first < units; first += units_at_a_time) {
    const Tensor some = slice(values, 0, first, std::min(first + units_at_a_time, units));
    add_promoted(linear(through_final_norm(decoder, some), head), most, &memories[static_cast<size_t>(first)]);
  }
  return memories;
}

std::optional<double> agreement(const std::vector<Memory>& memories, const Tokens& targets) {
  int64_t agree = 0, judged = 0;
  for (const Memory& memory : memories) {
    if (memory.triggers.empty() || memory.promoted.empty()) continue;
    const int32_t target = targets[memory.triggers.front().token];
    if (target == CrossEntropyOptions().ignored) continue;
    agree += memory.promoted.front().id == target;
    ++judged;
  }
  return judged > 0 ? std::optional(static_cast<double>(agree) / static_cast<double>(judged)) : std::nullopt;
}

}  // namespace transformlet
