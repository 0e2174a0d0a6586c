#include "train/weight_edits.h"

#include <algorithm>

#include "autograd/ops.h"
#include "base/name_patterns.h"
#include "train/stored_model.h"

namespace transformlet {

void WeightEdit::describe(Fields& field) {
  field("kind", kind, "what is done", one_of({"zero", "set", "scale", "copy"}));
  field("at", at, "names of parameters, in which * stands for anything", required());
  field("value", value, "of set: what each number becomes");
  field("factor", factor, "of scale: what each number is multiplied by");
  field("from", from, "of copy: a run, a checkpoint's folder or a safetensors file");
  field("step", step, "after so many steps of training", between(0, 1000000000));
  field.check([&] { return !at.empty(); }, {"at"}, "give at least one name");
  field.check([&] { return kind == "set" || value == 0; }, {"value", "kind"}, "only set has a value");
  field.check([&] { return kind == "scale" || factor == 1; }, {"factor", "kind"}, "only scale has a factor");
  field.check([&] { return (kind == "copy") != from.empty(); }, {"from", "kind"}, "copy takes from here, and only it");
}

namespace {

// The stored weight that belongs in such a parameter.
Tensor source_of(const WeightEdit& edit, const Tensor& parameter, const std::vector<NamedTensor>& stored) {
  const auto found = std::ranges::find(stored, parameter.name(), &NamedTensor::name);
  require(found != stored.end(), "edits: {} has no {} to copy", edit.from, parameter.name());
  require(found->value.shape() == parameter.shape(), "edits: {} {} of {} is to be copied to {}", parameter.name(),
          found->value, edit.from, parameter);
  return cast(found->value, parameter.dtype());
}

// Calls do_one(parameter, source) for each parameter of an edit; only a copy has a source.
template <class Function>
void for_each_parameter(const WeightEdit& edit, const Parameters& parameters, const Function& do_one) {
  std::vector<NamedTensor> stored;
  if (edit.kind == "copy") stored = stored_weights("edits", edit.from).weights;
  for (const Tensor& parameter : parameters.tensors()) {
    if (std::ranges::none_of(edit.at, [&](const auto& pattern) { return matches_pattern(pattern, parameter.name()); }))
      continue;
    do_one(parameter, edit.kind == "copy" ? source_of(edit, parameter, stored) : Tensor());
  }
}

}  // namespace

void edit_weights(const std::vector<WeightEdit>& edits, const Parameters& parameters, int64_t step) {
  for (const WeightEdit& edit : edits) {
    if (edit.step != step) continue;
    for_each_parameter(edit, parameters, [&](Tensor parameter, const Tensor& source) {
      with_dtype(parameter.dtype(), [&]<class T>() {
        T* const values = overwrite<T>(parameter);
        for (int64_t i = 0; i < parameter.size(); ++i) {
          if (edit.kind == "scale") {
            values[i] *= static_cast<T>(edit.factor);
          } else {
            values[i] = source.defined() ? source.data<T>()[i] : static_cast<T>(edit.value);  // of zero it is 0
          }
        }
      });
    });
  }
}

void require_sources(const std::vector<WeightEdit>& edits, const Parameters& parameters) {
  for (const WeightEdit& edit : edits) for_each_parameter(edit, parameters, [](const Tensor&, const Tensor&) {});
}

}  // namespace transformlet
