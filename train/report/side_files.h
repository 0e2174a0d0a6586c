// What other commands have left in a run's folder for its report:
//
//   landscape*.tsv   of `transformlet landscape RUN --output RUN/landscape.tsv`: the first by name that is a line, and
//   the
//                    first that is a plane
//   gradcheck.json   of `transformlet gradcheck CONFIG --json RUN/gradcheck.json`
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/report/loaded_run.h"

namespace transformlet {

// Adds "landscape" and "gradcheck", where there are such files.
void add_side_files(LoadedRun& run, nlohmann::ordered_json& json);

}  // namespace transformlet
