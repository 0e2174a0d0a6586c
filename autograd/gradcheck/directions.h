// The check by random directions.
#pragma once

#include "autograd/gradcheck/entries.h"

namespace transformlet::checking {

// Directions through all inputs, and a row for each input. An input that the directions don't settle gets directions of
// its own; if those disagree, it is checked entry by entry.
void check_directions(const Check& check, GradcheckResult& result);

}  // namespace transformlet::checking
