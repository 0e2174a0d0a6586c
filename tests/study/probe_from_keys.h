// A probe as a config makes it, and what it measures by name.
#pragma once

#include <map>
#include <string>

#include "study/probe.h"
#include "train/config/reader.h"

namespace transformlet {

struct ProbeConfig {
  Selection<Probe> probes;
  void describe(Fields& field) { field.selection("probes", probes, "instruments"); }
};

inline std::map<std::string, double> measured_with(const std::string& name, const std::string& keys,
                                                   const ProbeView& view) {
  const auto config = read_config_text<ProbeConfig>("config", "probes: {" + name + ": {every: 1, " + keys + "}}");
  const Measurements values = config.probes.find(name)->measure(view);
  return {values.begin(), values.end()};
}

// What is never asked for a prediction.
struct Unasked : Model {
  Tensor operator()(const ModelInputs&, const Pass&) const override { return {}; }
  std::vector<NamedLayer> layers() const override { return {}; }
};

}  // namespace transformlet
