// What a decoder would say if it stopped early, and who says it. The logit lens (nostalgebraist 2020, "interpreting
// GPT: the logit lens") gives the residual stream before the first block (`decoder.blocks.0.input`) and after each one
// (`decoder.blocks.N.output`) to the final norm and the head:
//
//   loss        of the examples' targets, in nats
//   agreement   share of tokens whose likeliest class is the one that it is in the end
//   kl          from the distribution in the end to the one so far: the mean of sum p_end log(p_end / p_so_far)
//
// and for the embedding (with positions), each attention and each feed-forward layer, and the final norm's bias:
//
//   attribution   its part of the target's logit, above its mean part of all classes' logits, with the final norm at
//                 its scale (study/logit_parts.h). These parts add up to the logit. Not where norms come
//                 after sublayers, where there are none, and without skip connections.
//
// Means are over the tokens that have a target, on examples that training does not see. For decoders.
// Cost: two forward passes, and for each block the head's product and two exponentials for each token and class.
#include <algorithm>
#include <cmath>

#include "study/logit_parts.h"
#include "study/probe.h"

namespace transformlet {
namespace {

// Keeps the residual stream between blocks.
struct Streams : Tap {
  bool wants(std::string_view name) const override {
    return name == "decoder.blocks.0.input" || name.ends_with(".output");
  }

  Tensor receive(std::string_view name, const Tensor& x) override {
    names.emplace_back(name);
    streams.push_back(x);
    return x;
  }

  std::vector<std::string> names;
  TensorList streams;
};

template <class T>
double log_of_sum_of_exponentials(const T* logits, int64_t classes) {
  const auto largest = static_cast<double>(*std::max_element(logits, logits + classes));
  double sum = 0;
  for (int64_t i = 0; i < classes; ++i) sum += std::exp(static_cast<double>(logits[i]) - largest);
  return largest + std::log(sum);
}

struct Sums {
  double loss = 0, kl = 0;
  int64_t agree = 0, tokens = 0;

  template <class T>
  void add(const T* logits, const T* end, int64_t classes, int32_t target) {
    const double norm = log_of_sum_of_exponentials(logits, classes);
    const double end_norm = log_of_sum_of_exponentials(end, classes);
    for (int64_t i = 0; i < classes; ++i) {
      const double log_end = static_cast<double>(end[i]) - end_norm;
      kl += std::exp(log_end) * (log_end - (static_cast<double>(logits[i]) - norm));
    }
    loss += norm - static_cast<double>(logits[target]);
    agree += std::max_element(logits, logits + classes) - logits == std::max_element(end, end + classes) - end;
    ++tokens;
  }
};

struct LogitLens : Probe {
  static constexpr const char* name = "logit_lens";
  static constexpr const char* help = "what a decoder would say after each block, and each layer's part of the logits";

  std::string misfit(const Model& model, const ModelSizes& sizes) const override {
    if (dynamic_cast<const Decoder*>(&model) == nullptr)
      return "gives the residual stream to the head: it needs model.kind: decoder";
    return sizes.features == 0 ? "" : "measures probabilities, and this task's outputs are none";
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    const auto& decoder = dynamic_cast<const Decoder&>(view.model.inside());
    Measurements result;
    if (counted_targets(view.targets) == 0) return result;
    add_lens(decoder, view, result);
    if (decoder.blocks.final_norm && decoder.blocks.blocks.front().skip) add_attributions(decoder, view, result);
    return result;
  }

 private:
  static void add_lens(const Decoder& decoder, const ProbeView& view, Measurements& result) {
    Streams tap;
    const Tensor end = view.model(view.examples, Pass::evaluation().with_tap(tap));
    for (size_t i = 0; i < tap.streams.size(); ++i) {
      const Tensor logits = logits_of_stream(decoder, tap.streams[i]);
      Sums sums;
      with_dtype(logits.dtype(), [&]<class T>() {
        for (int64_t row = 0; row < logits.rows(); ++row) {
          if (view.targets[row] == CrossEntropyOptions().ignored) continue;
          const int64_t first = row * logits.columns();
          sums.add(logits.data<T>() + first, end.data<T>() + first, logits.columns(), view.targets[row]);
        }
      });
      const auto mean = [&](auto sum) { return static_cast<double>(sum) / static_cast<double>(sums.tokens); };
      result.emplace_back(tap.names[i] + "/loss", mean(sums.loss));
      result.emplace_back(tap.names[i] + "/agreement", mean(sums.agree));
      result.emplace_back(tap.names[i] + "/kl", mean(sums.kl));
    }
  }

  // The target's logit above the mean logit is the head's input times (its row of the head's weight - the mean row).
  static void add_attributions(const Decoder& decoder, const ProbeView& view, Measurements& result) {
    const Tensor& weight = unembedding(decoder);
    std::vector<int32_t> ids = view.targets.ids();
    std::vector<double> shares;
    const double share_of_each = 1.0 / static_cast<double>(counted_targets(view.targets));
    for (int32_t& id : ids) {
      const bool counts = id != CrossEntropyOptions().ignored;
      shares.push_back(counts ? share_of_each : 0.0);
      if (!counts) id = 0;
    }
    const Tokens targets(std::move(ids), view.targets.shape());
    const Tensor share = tensor(shares, targets.shape().appended(1), DType::float64);
    const Tensor directions =
        cast(gather_rows(weight, targets) - mean(weight, {0}, true), DType::float64) * share;  // (B, T, d_model)
    const LogitParts parts = logit_parts(decoder, view.examples);
    for (size_t i = 0; i < parts.names.size(); ++i) {
      result.emplace_back(parts.names[i] + "/attribution",
                          sum(cast(parts.parts[i], DType::float64) * directions).item());
    }
  }
};

const Registered<Probe, LogitLens> registered;

}  // namespace
}  // namespace transformlet
