// What became of the mutants: counted, and printed.
#pragma once

#include <map>
#include <ostream>

#include "tests/autograd/mutant_kinds.h"

namespace transformlet::mutants {

struct Tally {
  int64_t planted = 0, caught = 0, caught_by_directions = 0, equivalent = 0;

  int64_t to_be_caught() const { return planted - equivalent; }
  Tally& operator+=(const Tally& other) {
    planted += other.planted;
    caught += other.caught;
    caught_by_directions += other.caught_by_directions;
    equivalent += other.equivalent;
    return *this;
  }
};

class Table {
 public:
  Tally& at(const std::string& op, Kind kind) { return tallies_[op][kind]; }
  void equivalent(const std::string& op, Kind kind, const std::string& reason) {
    ++reasons_[fmt::format("{}: {}", kind_names[kind], reason)][op];
  }

  // The ops and their rows.
  const std::map<std::string, std::map<Kind, Tally>>& rows() const { return tallies_; }

  Tally total(Kind kind) const {
    Tally sum;
    for (const auto& [op, row] : tallies_) sum += row.contains(kind) ? row.at(kind) : Tally();
    return sum;
  }
  Tally total() const {
    Tally sum;
    for (int kind = 0; kind < kinds; ++kind) sum += total(static_cast<Kind>(kind));
    return sum;
  }

  friend std::ostream& operator<<(std::ostream& out, const Table& table) {
    out << "Bugs planted / caught entry by entry / caught by directions / that change nothing\n\n";
    out << fmt::format("{:30}", "");
    for (const char* const name : kind_names) out << fmt::format("{:>17}", name);
    out << '\n';
    for (const auto& [op, row] : table.tallies_) {
      out << fmt::format("{:30}", op);
      for (int kind = 0; kind < kinds; ++kind) {
        const auto found = row.find(static_cast<Kind>(kind));
        out << fmt::format("{:>17}", found == row.end() ? "-" : text(found->second));
      }
      out << '\n';
    }
    out << fmt::format("{:30}", "total");
    for (int kind = 0; kind < kinds; ++kind) out << fmt::format("{:>17}", text(table.total(static_cast<Kind>(kind))));
    out << fmt::format("\n\nall: {}\n\nThose that change nothing, and why:\n", text(table.total()));
    for (const auto& [reason, ops] : table.reasons_) {
      std::vector<std::string> counts;
      for (const auto& [op, count] : ops) counts.push_back(fmt::format("{} {}", op, count));
      out << fmt::format("  {}: {}\n", reason, fmt::join(counts, ", "));
    }
    return out << std::flush;
  }

 private:
  static std::string text(const Tally& tally) {
    return fmt::format("{}/{}/{}/{}", tally.planted, tally.caught, tally.caught_by_directions, tally.equivalent);
  }

  std::map<std::string, std::map<Kind, Tally>> tallies_;
  std::map<std::string, std::map<std::string, int>> reasons_;  // and the ops, with how many
};

}  // namespace transformlet::mutants
