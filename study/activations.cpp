// How large activations are, and how many hidden units never fire, on examples that training does not see. For what
// each block leaves in the residual stream (`output`) and what its layers add to it (`attention_output` ...), for the
// hidden units of each feed-forward layer (`hidden`) and for the sums of values of each attention layer (`values`),
// over all tokens but padding:
//
//   rms    the root mean square over tokens and units
//   dead   of `hidden`: the share of units that are above 0 at no token. Those of ReLU are 0 there, and no gradient
//          reaches them (Lu et al. 2019, "Dying ReLU and Initialization"); those of GELU and SiLU have an input that is
//          never above 0, which leaves them small and slow, not dead. With few tokens more units look dead than are.
//          Gated units have none: their sign says nothing.
//
// Cost: a forward pass.
#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "study/probe.h"
#include "study/token_rows.h"

namespace transformlet {
namespace {

// Measures what it hears, and keeps none of it.
class Meter : public Tap {
 public:
  explicit Meter(const ProbeView& view) : view_(view) {}

  bool wants(std::string_view name) const override {
    return name.ends_with("output") || name.ends_with(".hidden") || name.ends_with(".values");
  }

  Tensor receive(std::string_view name, const Tensor& x) override {
    const std::string path(name);
    const std::vector<int64_t> rows = token_rows(name, x, view_.examples);
    with_dtype(x.dtype(), [&]<class T>() { measure(path, x.data<T>(), x.columns(), rows); });
    return x;
  }

  Measurements result;

 private:
  template <class T>
  void measure(const std::string& path, const T* values, int64_t width, const std::vector<int64_t>& rows) {
    double squares = 0;
    std::vector<bool> fires(static_cast<size_t>(width), false);
    for (const int64_t row : rows) {
      for (int64_t unit = 0; unit < width; ++unit) {
        const auto value = static_cast<double>(values[row * width + unit]);
        squares += value * value;
        if (value > 0) fires[static_cast<size_t>(unit)] = true;
      }
    }
    const auto share = [](auto part, auto whole) { return static_cast<double>(part) / static_cast<double>(whole); };
    result.emplace_back(path + "/rms", std::sqrt(share(squares, static_cast<int64_t>(rows.size()) * width)));
    if (!path.ends_with(".hidden") || is_gated(path)) return;
    result.emplace_back(path + "/dead", share(std::ranges::count(fires, false), width));
  }

  bool is_gated(const std::string& path) const {
    const std::string gate = path.substr(0, path.rfind('.')) + ".gate.weight";
    return std::ranges::any_of(view_.parameters.list(), [&](const Parameter& p) { return p.value.name() == gate; });
  }

  const ProbeView& view_;
};

struct Activations : Probe {
  static constexpr const char* name = "activations";
  static constexpr const char* help = "of each block: the size of its activations, the share of dead hidden units";

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    Meter meter(view);
    view.model(view.examples, Pass::evaluation().with_tap(meter));
    return std::move(meter.result);
  }
};

const Registered<Probe, Activations> registered;

}  // namespace
}  // namespace transformlet
