// What a run is: its task, model and keys, how it ended, and how well it did.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/report/loaded_run.h"

namespace transformlet {

// Adds "state", "task", "kind", "seconds", "step", "figures", "parameters", "config", "environment" and "events".
void add_overview(LoadedRun& run, nlohmann::ordered_json& json);

}  // namespace transformlet
