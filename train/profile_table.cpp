#include "train/profile_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace transformlet {
namespace {

struct Row {
  std::string name;
  Profile::Op op = {};
  double seconds = 0;  // in all
};

bool takes_longer(const Row& a, const Row& b) { return a.seconds > b.seconds; }

std::string cells(const Profile::Times& times) {
  return times.calls == 0 ? fmt::format("{:>9} {:>10}", "", "")
                          : fmt::format("{:>9} {:>10.1f}", times.calls, 1e3 * times.seconds);
}

}  // namespace

std::string profile_table(const Profile& profile, double seconds) {
  std::vector<Row> ops, parts;
  for (const auto& [name, op] : profile.ops()) ops.push_back({name, op, op.forward.seconds + op.backward.seconds});
  for (const auto& [name, part] : profile.parts()) parts.push_back({.name = name, .seconds = part});
  std::ranges::sort(ops, takes_longer);
  std::ranges::sort(parts, takes_longer);
  parts.push_back({.name = "rest", .seconds = seconds - profile.seconds()});
  size_t longest = 0;
  for (const Row& row : ops) longest = std::max(longest, row.name.size());
  for (const Row& row : parts) longest = std::max(longest, row.name.size());

  std::string text = fmt::format("{:{}} {:>20} {:>20} {:>10} {:>7}\n", "", longest, "forward: calls   ms",
                                 "backward: calls   ms", "total ms", "share");
  const auto add = [&](const Row& row) {
    text += fmt::format("{:{}} {} {} {:>10.1f} {:>6.1f}%\n", row.name, longest, cells(row.op.forward),
                        cells(row.op.backward), 1e3 * row.seconds, 100 * row.seconds / seconds);
  };
  for (const Row& row : ops) add(row);
  for (const Row& row : parts) add(row);
  return text + fmt::format("{:{}} {:>20} {:>20} {:>10.1f}\n", "all", longest, "", "", 1e3 * seconds);
}

}  // namespace transformlet
