// What a report shows of a run's checkpoints: predictions of the newest one, and attention, spectra and embeddings over
// time.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/report/loaded_run.h"

namespace transformlet {

// Adds "checkpoints", "examples", "attention", "predictions", "calibration", "spectra" and "embeddings", as far as they
// can be computed. Leaves the weights of some checkpoint in the run's experiment.
void add_checkpoint_sections(LoadedRun& run, nlohmann::ordered_json& json);

}  // namespace transformlet
