// How addition modulo p is done by rotations: progress measures of grokking (Nanda et al. 2023, Progress Measures for
// Grokking via Mechanistic Interpretability). For the task `modular` with `operation: add` alone, whose tokens 0 ...
// p - 1 are residues and p the sign of equality. Of frequency k = 1 ... (p - 1) / 2, with w = 2 pi k / p:
//
//   power/K          share of the embedding's Fourier power over Z_p at frequency K: of the sum over its columns of
//                    |sum_a exp(-i w a) E[a]|^2, the constant left out
//   key/I            the I-th strongest frequency of the embedding, from 1 on, or as `frequencies` says: the key ones
//   key_power        the key frequencies' shares together
//   restricted_loss  on all p^2 pairs, of logits of which only the projections on cos w(a + b) and sin w(a + b) of the
//                    key frequencies, as functions of the pair, are left, and the mean over all pairs
//   excluded_loss    on the pairs of the next step's batch, of logits without those projections; where the batch is all
//                    that there is to train on, it is the paper's
//
// The paper takes the frequencies of the final model at all steps: give them as `frequencies`, once a run has told
// them. Cost: a forward pass over all pairs, and p^3 operations a key frequency.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "study/probe.h"

namespace transformlet {
namespace {

using Row = std::vector<double>;

// -log softmax(logits)[target]
double loss_of(const Row& logits, int64_t target) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum) - logits[static_cast<size_t>(target)];
}

// The logits of all pairs: of (a, b) at a * p + b.
std::vector<Row> logits_of_pairs(const Model& model, int64_t p) {
  std::vector<Row> result;
  for (int64_t a = 0; a < p; ++a) {
    std::vector<int32_t> ids;
    for (int64_t b = 0; b < p; ++b) {
      for (const int64_t token : {a, b, p}) ids.push_back(static_cast<int32_t>(token));
    }
    const Tensor logits = model({.ids = Tokens(std::move(ids), {p, 3}), .mask = Mask::causal()}, Pass::evaluation());
    require(logits.rank() == 3 && logits.dim(2) == p, "fourier: logits {} are not of residues modulo {}", logits, p);
    const std::vector<double> values = slice(logits, 1, 2, 3).to_vector();
    for (int64_t b = 0; b < p; ++b) result.emplace_back(values.begin() + b * p, values.begin() + (b + 1) * p);
  }
  return result;
}

// At [k - 1]: the share of frequency k in the power of the table's first p rows.
Row power_shares(const Tensor& table, int64_t p) {
  const std::vector<double> values = table.to_vector();
  const int64_t width = table.dim(1);
  Row shares;
  for (int64_t k = 1; k <= p / 2; ++k) {
    double power = 0;
    for (int64_t column = 0; column < width; ++column) {
      double real = 0, imaginary = 0;
      for (int64_t a = 0; a < p; ++a) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(k * a % p) / static_cast<double>(p);
        real += std::cos(angle) * values[static_cast<size_t>(a * width + column)];
        imaginary += std::sin(angle) * values[static_cast<size_t>(a * width + column)];
      }
      power += real * real + imaginary * imaginary;
    }
    shares.push_back(power);
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum > 0 ? sum : 1;
  return shares;
}

// The key frequencies' part of the logits, a function of s = a + b alone: at [s]. The projection on cos w(a + b) and
// sin w(a + b) is 2 / p sum_r cos w(s - r) mean_r, where mean_r is that of the pairs with the sum r.
std::vector<Row> key_parts(const std::vector<Row>& logits, int64_t p, const std::vector<int64_t>& keys) {
  const auto residues = static_cast<size_t>(p);
  std::vector<Row> means(residues, Row(residues, 0.0)), parts = means;
  for (size_t pair = 0; pair < logits.size(); ++pair) {
    Row& mean = means[(pair / residues + pair % residues) % residues];
    for (size_t c = 0; c < residues; ++c) mean[c] += logits[pair][c] / static_cast<double>(p);
  }
  for (const int64_t k : keys) {
    for (int64_t s = 0; s < p; ++s) {
      for (int64_t r = 0; r < p; ++r) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(k * (s - r + p) % p) / static_cast<double>(p);
        const double factor = 2 * std::cos(angle) / static_cast<double>(p);
        for (size_t c = 0; c < residues; ++c)
          parts[static_cast<size_t>(s)][c] += factor * means[static_cast<size_t>(r)][c];
      }
    }
  }
  return parts;
}

struct Fourier : Probe {
  static constexpr const char* name = "fourier";
  static constexpr const char* help =
      "of addition modulo p: key frequencies of the embedding, restricted and excluded loss";

  int64_t keys = 5;
  std::vector<int64_t> frequencies;

  std::string misfit(const Model& /*model*/, const ModelSizes& sizes) const override {
    const bool is_modular = sizes.max_length == 3 && sizes.asked_places == 1 && sizes.vocab_size == sizes.classes + 1;
    return is_modular ? "" : "measures how residues are added: it needs task.name: modular";
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    const Tokens& ids = view.examples.ids;
    require(ids.shape().rank() == 2 && ids.shape()[1] == 3 && ids.size() > 0,
            "fourier: examples {} are no pairs of residues and a sign of equality", ids.shape());
    const int64_t p = ids[2];
    const Row shares = power_shares(embedding_of(view.parameters, p), p);
    const std::vector<int64_t> chosen = key_frequencies(shares, p);

    Measurements result;
    for (size_t k = 0; k < shares.size(); ++k) result.emplace_back(fmt::format("power/{}", k + 1), shares[k]);
    double key_power = 0;
    for (size_t i = 0; i < chosen.size(); ++i) {
      result.emplace_back(fmt::format("key/{}", i + 1), static_cast<double>(chosen[i]));
      key_power += shares[static_cast<size_t>(chosen[i] - 1)];
    }
    result.emplace_back("key_power", key_power);
    add_losses(view, p, chosen, result);
    return result;
  }

 private:
  void describe_keys(Fields& field) override {
    field("keys", keys, "how many of the embedding's strongest frequencies are the key ones", at_least(1));
    field("frequencies", frequencies, "the key frequencies; empty: the strongest at each time", at_least(1));
  }

  static Tensor embedding_of(const Parameters& parameters, int64_t p) {
    for (const Parameter& parameter : parameters.list()) {
      if (parameter.value.name().ends_with("embedding.weight") && parameter.value.dim(0) == p + 1)
        return parameter.value;
    }
    fail("fourier: no parameter is an embedding of {} residues and the sign of equality", p);
  }

  std::vector<int64_t> key_frequencies(const Row& shares, int64_t p) const {
    for (const int64_t k : frequencies)
      require(k <= p / 2, "fourier: {} is no frequency modulo {}: they are 1 to {}", k, p, p / 2);
    if (!frequencies.empty()) return frequencies;
    std::vector<int64_t> order(shares.size());
    std::iota(order.begin(), order.end(), 1);
    std::ranges::stable_sort(order, std::greater<>(), [&](int64_t k) { return shares[static_cast<size_t>(k - 1)]; });
    order.resize(std::min(order.size(), static_cast<size_t>(keys)));
    return order;
  }

  static void add_losses(const ProbeView& view, int64_t p, const std::vector<int64_t>& chosen, Measurements& result) {
    const auto residues = static_cast<size_t>(p);
    const std::vector<Row> logits = logits_of_pairs(view.model, p);
    const std::vector<Row> parts = key_parts(logits, p, chosen);
    Row mean(residues, 0.0);
    for (const Row& row : logits) {
      for (size_t c = 0; c < residues; ++c) mean[c] += row[c] / static_cast<double>(logits.size());
    }
    double restricted = 0;  // the same for all pairs of one sum
    for (int64_t s = 0; s < p; ++s) {
      Row row = mean;
      for (size_t c = 0; c < residues; ++c) row[c] += parts[static_cast<size_t>(s)][c];
      restricted += loss_of(row, s) / static_cast<double>(p);
    }
    result.emplace_back("restricted_loss", restricted);

    const Tokens batch = view.batch().ids;
    const int64_t pairs = batch.size() / 3;
    double excluded = 0;
    for (int64_t i = 0; i < pairs; ++i) {
      const int64_t a = batch[3 * i], b = batch[3 * i + 1], s = (a + b) % p;
      Row row = logits[static_cast<size_t>(a * p + b)];
      for (size_t c = 0; c < residues; ++c) row[c] -= parts[static_cast<size_t>(s)][c];
      excluded += loss_of(row, s) / static_cast<double>(pairs);
    }
    result.emplace_back("excluded_loss", excluded);
  }
};

const Registered<Probe, Fourier> registered;

}  // namespace
}  // namespace transformlet
