// How much better a model predicts late in a sequence than early: in-context learning as Olsson et al. 2022 measure it
// ("In-context Learning and Induction Heads": the loss of the 500th token minus that of the 50th). On examples that
// training does not see, where one target belongs to each place:
//
//   early, late   the mean loss of the target at that place, in nats, over the examples that have one there
//   score         late - early: the further below 0, the more is learned in context
//
// Places count from 1. In shorter sequences `late` is the last place, and `early` a tenth of it, unless the keys say
// otherwise; of those that are too short for both nothing is measured. Means over few examples are noisy, and so is
// their difference. Cost: a forward pass.
#include <algorithm>

#include "autograd/ops.h"
#include "study/probe.h"

namespace transformlet {
namespace {

struct InContext : Probe {
  static constexpr const char* name = "in_context";
  static constexpr const char* help = "how much lower the loss is late in a sequence than early";

  std::optional<int64_t> early;
  int64_t late = 500;

  void describe_keys(Fields& field) override {
    field("late", late, "place whose loss counts, from 1; the last one of shorter sequences", at_least(2));
    field("early", early, "place that it is compared with; null: 50, or a tenth of `late` if that is less",
          at_least(1));
    field.check([&] { return early.value_or(1) < late; }, {"early", "late"}, "must be less than late");
  }

  std::string misfit(const Model& /*model*/, const ModelSizes& sizes) const override {
    if (sizes.features > 0) return "measures the loss of tokens, and this task has none";
    return sizes.whole_sequences ? "compares places, and this task judges sequences as a whole" : "";
  }

  Measurements measure(const ProbeView& view) const override {
    if (view.targets.shape().rank() != 2) return {};  // sequences are judged as a whole
    const NoRecording off;
    const Tensor logits = view.model(view.examples, Pass::evaluation());
    const int64_t length = view.targets.shape()[1], last = std::min(late, length);
    const int64_t first = std::min(early.value_or(std::clamp<int64_t>(last / 10, 1, 50)), length);
    if (first >= last) return {};
    const std::optional<double> before = loss_at(first, logits, view.targets);
    const std::optional<double> after = loss_at(last, logits, view.targets);
    if (!before || !after) return {};
    return {{"early", *before}, {"late", *after}, {"score", *after - *before}};
  }

 private:
  static std::optional<double> loss_at(int64_t place, const Tensor& logits, const Tokens& targets) {
    std::vector<int32_t> there;
    for (int64_t i = place - 1; i < targets.size(); i += targets.shape()[1]) there.push_back(targets[i]);
    const auto samples = static_cast<int64_t>(there.size());
    const Tokens chosen(std::move(there), {samples, 1});
    const int64_t counted = counted_targets(chosen);
    if (counted == 0) return std::nullopt;
    const Tensor rows = cast(slice(logits, 1, place - 1, place), DType::float64);
    return cross_entropy(rows, chosen).item() / static_cast<double>(counted);
  }
};

const Registered<Probe, InContext> registered;

}  // namespace
}  // namespace transformlet
