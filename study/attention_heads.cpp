// What each attention head looks at, on examples that training does not see. For each head of each layer:
//
//   entropy          of its weights, in nats, the mean over queries
//   distance         from a query to what it looks at, in positions: the sum of weight * |query - key|, the mean
//   previous_token   weight on the position before, the mean over queries but the first
//   prefix_matching  weight on the tokens that followed the query's own token earlier in the sequence, the mean over
//                    queries whose token was there before: an induction head's score (Olsson et al. 2022, "In-context
//                    Learning and Induction Heads", appendix; there on repeated random tokens)
//
// Only self-attention. Queries that may attend to nothing, and those of padding, do not count. Cost: a forward pass
// that keeps the weights.
#include <algorithm>
#include <cmath>

#include "layers/encoder.h"
#include "study/probe.h"

namespace transformlet {
namespace {

struct Sums {
  double entropy = 0, distance = 0, previous = 0, prefix = 0;
  int64_t queries = 0, previous_queries = 0, prefix_queries = 0;

  // One query's weights on `length` keys, which are of these ids; null: of real vectors.
  template <class T>
  void add(const T* weights, const int32_t* ids, int64_t query, int64_t length) {
    double sum = 0, query_prefix = 0;
    int64_t repeats = 0;
    for (int64_t key = 0; key < length; ++key) {
      const auto weight = static_cast<double>(weights[key]);
      sum += weight;
      if (weight > 0) entropy -= weight * std::log(weight);
      distance += weight * static_cast<double>(std::abs(query - key));
      if (ids != nullptr && key > 0 && key <= query && ids[key - 1] == ids[query]) {
        query_prefix += weight;
        ++repeats;
      }
    }
    if (sum == 0) return;  // it may attend to nothing
    ++queries;
    if (query > 0) {
      previous += static_cast<double>(weights[query - 1]);
      ++previous_queries;
    }
    if (repeats > 0) {
      prefix += query_prefix;
      ++prefix_queries;
    }
  }
};

struct AttentionHeads : Probe {
  static constexpr const char* name = "attention";
  static constexpr const char* help = "of each head: entropy, distance, scores for previous tokens and induction";

  std::string misfit(const Model& model, const ModelSizes& /*sizes*/) const override {
    const std::vector<NamedLayer> layers = model.layers();
    return std::ranges::any_of(layers, [](const NamedLayer& layer) { return layer.num_heads > 0; })
               ? ""
               : "looks at attention, and this model has none";
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    Collector collector(".weights");
    view.model(view.examples, Pass::evaluation().with_tap(collector));
    const bool reads_ids = view.examples.ids.size() > 0;
    const int64_t length = reads_ids ? view.examples.ids.shape()[1] : view.examples.values.dim(1);
    Measurements result;
    for (size_t layer = 0; layer < collector.names().size(); ++layer) {
      const std::string& name = collector.names()[layer];
      const Tensor& weights = collector.activations()[layer];  // (B, heads, queries, keys)
      const bool is_of_inputs = weights.rank() == 4 && weights.dim(2) == length && weights.dim(3) == length;
      if (!is_of_inputs || name.find("cross_attention") != name.npos) continue;
      const std::string path = name.substr(0, name.rfind('.'));
      for (int64_t head = 0; head < weights.dim(1); ++head) add_head(path, head, weights, view.examples, result);
    }
    return result;
  }

 private:
  static void add_head(const std::string& path, int64_t head, const Tensor& weights, const ModelInputs& examples,
                       Measurements& result) {
    const int64_t batch = weights.dim(0), heads = weights.dim(1), length = weights.dim(2);
    const int32_t* const ids = examples.ids.size() > 0 ? examples.ids.data() : nullptr;
    Sums sums;
    with_dtype(weights.dtype(), [&]<class T>() {
      for (int64_t sample = 0; sample < batch; ++sample) {
        const int64_t* const lengths = examples.mask.lengths();
        const int64_t counted = lengths == nullptr ? length : lengths[sample];
        const T* const rows = weights.data<T>() + (sample * heads + head) * length * length;
        for (int64_t query = 0; query < counted; ++query)
          sums.add(rows + query * length, ids == nullptr ? nullptr : ids + sample * length, query, length);
      }
    });
    const std::string prefix = path + "." + std::to_string(head) + "/";
    const auto add = [&](const char* name, double sum, int64_t count) {
      if (count > 0) result.emplace_back(prefix + name, sum / static_cast<double>(count));
    };
    add("entropy", sums.entropy, sums.queries);
    add("distance", sums.distance, sums.queries);
    add("previous_token", sums.previous, sums.previous_queries);
    add("prefix_matching", sums.prefix, sums.prefix_queries);
  }
};

const Registered<Probe, AttentionHeads> registered;

}  // namespace
}  // namespace transformlet
