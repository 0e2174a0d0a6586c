// A profile as people read it.
#pragma once

#include <string>

#include "autograd/profile.h"

namespace transformlet {

// A row for each op, the one that took longest first: calls and milliseconds forward and backward, milliseconds in all,
// and their share of `seconds`, the time on the clock. Then the parts that are no op, and the rest that nobody
// reported.
std::string profile_table(const Profile& profile, double seconds);

}  // namespace transformlet
