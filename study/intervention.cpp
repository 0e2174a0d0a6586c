#include "study/intervention.h"

#include <algorithm>
#include <set>

#include "base/name_patterns.h"

namespace transformlet {

void Intervention::describe(Fields& field) {
  field("kind", kind, "what takes the activation's place", one_of({"zero", "mean", "resample", "scale", "patch"}));
  field("at", at, "names of activations, in which * stands for anything (describe CONFIG --taps lists them)",
        required());
  field("heads", heads, "of these heads; empty: of all", at_least(0));
  field("positions", positions, "at these positions, -1 being the last; empty: at all");
  field("factor", factor, "of scale: what to multiply by");
  field("from", from,
        "of patch: the run, or a checkpoint's folder in it, that the activation is taken from; empty: "
        "the run itself, for the input that evaluate.corrupt has corrupted");
  field.check([&] { return !at.empty(); }, {"at"}, "give at least one name");
  field.check([&] { return kind == "scale" || factor == 1; }, {"factor", "kind"}, "only scale has a factor");
  field.check([&] { return kind == "patch" || from.empty(); }, {"from", "kind"}, "only patch takes from a run");
}

bool Intervention::needs_whole_sequences() const {
  return (kind != "zero" && kind != "scale") ||
         std::ranges::any_of(positions, [](int64_t position) { return position < 0; });
}

namespace {

constexpr int heads_axis = 1;

int positions_axis(const Shape& shape) { return shape.rank() == 4 ? 2 : 1; }

// 1 at the chosen places of an axis, else 0; shaped to go with x.
Tensor chosen_on_axis(const Tensor& x, int axis, const std::vector<int64_t>& places) {
  std::vector<double> values(static_cast<size_t>(x.dim(axis)), 0.0);
  for (const int64_t place : places) {
    if (place >= 0 && place < x.dim(axis)) values[static_cast<size_t>(place)] = 1;
  }
  std::vector<int64_t> sizes(static_cast<size_t>(x.rank()), 1);
  sizes[static_cast<size_t>(axis)] = x.dim(axis);
  return tensor(values, Shape(sizes), x.dtype());
}

// The sample that follows each in one random cycle through all of them.
Tokens cycle(RandomKey key, int64_t samples) {
  const std::vector<int64_t> order = shuffled(key, samples);
  std::vector<int32_t> next(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    next[static_cast<size_t>(order[i])] = static_cast<int32_t>(order[(i + 1) % order.size()]);
  }
  return {std::move(next), {samples}};
}

Tensor resampled(const Tensor& x, RandomKey key) {
  const int64_t samples = x.dim(0);
  require(samples >= 2,
          "interventions: resample takes from another sample, and this batch has {}; choose a "
          "train.batch_size that leaves no sample alone",
          samples);
  return reshape(gather_rows(reshape(x, {samples, x.size() / samples}), cycle(key, samples)), x.shape());
}

class Recorder : public Tap {
 public:
  explicit Recorder(const std::set<std::string, std::less<>>& names) : names_(names) {}
  bool wants(std::string_view name) const override { return names_.contains(name); }
  Tensor receive(std::string_view name, const Tensor& x) override {
    activations.emplace(name, x);
    return x;
  }
  std::map<std::string, Tensor, std::less<>> activations;

 private:
  const std::set<std::string, std::less<>>& names_;
};

}  // namespace

// The tap of one pass.
class Intervening : public Tap {
 public:
  Intervening(const IntervenedModel& model, std::vector<IntervenedModel::Activations> patches, const Pass& pass)
      : interventions_(model.interventions_),
        names_(model.names_),
        patches_(std::move(patches)),
        key_(model.key_ / static_cast<int64_t>(pass.key().value())),
        pass_(pass) {
    if (pass.cache() != nullptr) require_places_alone();
  }

  // Where a sequence is read on token by token, there is neither a whole one nor a last position.
  void require_places_alone() const {
    for (const Intervention& intervention : interventions_) {
      require(!intervention.needs_whole_sequences(),
              "interventions: {} can't be done where a sequence is read token by token; zero and scale can, at "
              "positions counted from the start",
              intervention.kind);
    }
  }

  bool wants(std::string_view name) const override {
    return (pass_.listener() != nullptr && pass_.listener()->wants(name)) ||
           std::ranges::any_of(names_, [&](const auto& names) { return std::ranges::count(names, name) > 0; });
  }

  Tensor receive(std::string_view name, const Tensor& given) override {
    Tensor x = given;
    for (size_t i = 0; i < interventions_.size(); ++i) {
      if (std::ranges::count(names_[i], name) > 0) x = changed(i, name, x);
    }
    Tap* const listener = pass_.listener();
    return listener != nullptr && listener->wants(name) ? listener->receive(name, x) : x;
  }

 private:
  Tensor changed(size_t i, std::string_view name, const Tensor& x) const {
    const Intervention& what = interventions_[i];
    const Tensor y = replacement(i, name, x);
    Tensor chosen;
    if (!what.heads.empty()) chosen = chosen_on_axis(x, heads_axis, what.heads);
    if (!what.positions.empty()) {
      const int axis = positions_axis(x.shape());
      std::vector<int64_t> places = what.positions;
      for (int64_t& place : places) place = place < 0 ? x.dim(axis) + place : place - pass_.offset();
      const Tensor at = chosen_on_axis(x, axis, places);
      chosen = chosen.defined() ? chosen * at : at;
    }
    return chosen.defined() ? where(chosen, y, x) : y;
  }

  Tensor replacement(size_t i, std::string_view name, const Tensor& x) const {
    const Intervention& what = interventions_[i];
    if (what.kind == "zero") return zeros(x.shape(), x.dtype());
    if (what.kind == "mean") return broadcast_to(mean(x, {0}, true), x.shape());
    if (what.kind == "resample") return resampled(x, key_ / static_cast<int64_t>(i));
    if (what.kind == "scale") return x * what.factor;
    const auto patch = patches_[i].find(name);
    if (patch == patches_[i].end()) return x;  // there is no other input
    require(patch->second.shape() == x.shape(), "interventions[{}]: {} is {} here and {} where it is to be taken from",
            i, name, x, patch->second);
    return cast(patch->second, x.dtype());
  }

  const std::vector<Intervention>& interventions_;
  const std::vector<std::vector<std::string>>& names_;
  std::vector<IntervenedModel::Activations> patches_;
  RandomKey key_;
  const Pass& pass_;
};

namespace {

void require_places(size_t i, const Intervention& intervention, const TapPoint& point) {
  const auto require_there = [&](bool holds, const std::string& what) {
    if (!holds) throw UsageError(fmt::format("interventions[{}]: {} {} has no {}", i, point.name, point.shape, what));
  };
  const int rank = point.shape.rank();
  require_there(intervention.heads.empty() || rank == 4, "heads");
  require_there(intervention.positions.empty() || rank >= 3, "positions");
  for (const int64_t head : intervention.heads) {
    require_there(head < point.shape[heads_axis], fmt::format("head {}", head));
  }
  for (const int64_t position : intervention.positions) {
    const int64_t length = point.shape[positions_axis(point.shape)];
    require_there(position < length && position >= -length, fmt::format("position {}", position));
  }
}

}  // namespace

IntervenedModel::IntervenedModel(std::unique_ptr<Model> model, const std::vector<Intervention>& interventions,
                                 const ModelSizes& sizes, RandomKey key, Others others)
    : model_(std::move(model)), interventions_(interventions), key_(key), others_(std::move(others)) {
  const std::vector<TapPoint> points = tap_points(*model_, sizes);
  std::vector<std::string> all;
  for (const TapPoint& point : points) all.push_back(point.name);
  for (size_t i = 0; i < interventions.size(); ++i) {
    names_.push_back(
        matching_names(fmt::format("interventions[{}].at", i), interventions[i].at, "activation of the model", all));
    for (const TapPoint& point : points) {
      if (std::ranges::count(names_[i], point.name) > 0) require_places(i, interventions[i], point);
    }
  }
}

// One pass of each model serves all patches that come from it.
std::vector<IntervenedModel::Activations> IntervenedModel::patches(const ModelInputs& inputs) const {
  std::map<std::string, std::set<std::string, std::less<>>> wanted;  // by Intervention::from
  for (size_t i = 0; i < interventions_.size(); ++i) {
    const Intervention& intervention = interventions_[i];
    if (intervention.kind != "patch" || (intervention.from.empty() && inputs.other == nullptr)) continue;
    wanted[intervention.from].insert(names_[i].begin(), names_[i].end());
  }
  const NoRecording off;
  std::map<std::string, Activations> found;
  for (const auto& [from, names] : wanted) {
    Recorder recorder(names);
    const Model& model = from.empty() ? *model_ : *others_.at(from);
    model(inputs.other == nullptr ? inputs : *inputs.other, Pass::evaluation().with_tap(recorder));
    found[from] = std::move(recorder.activations);
  }
  std::vector<Activations> result;
  for (const Intervention& intervention : interventions_) {
    result.push_back(intervention.kind == "patch" ? found[intervention.from] : Activations());
  }
  return result;
}

Tensor IntervenedModel::operator()(const ModelInputs& inputs, const Pass& pass) const {
  Intervening tap(*this, patches(inputs), pass);
  return (*model_)(inputs, pass.with_tap(tap));
}

Tensor IntervenedModel::read(const Tokens& source, const Mask& source_mask, const Pass& pass) const {
  Intervening tap(*this, {}, pass);
  tap.require_places_alone();
  return model_->read(source, source_mask, pass.with_tap(tap));
}

}  // namespace transformlet
