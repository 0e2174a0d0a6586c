// What gradient checks found, for people and for machines.
#pragma once

#include <string>
#include <vector>

#include "autograd/gradcheck.h"

namespace transformlet {

// One check: of a layer, a model or an op.
struct CheckedThing {
  std::string name;  // "encoder.blocks.0.attention, causal, second order"
  GradcheckResult result;
  double seconds = 0;
};

// A line for each check as it ends, and below it only what is wrong or could not be checked, the worst first.
class GradcheckTable {
 public:
  explicit GradcheckTable(size_t name_width);

  void add(const CheckedThing& thing);
  // Says what all of it comes to, in one line; the exit status: 0 if everything passed.
  int finish() const;

 private:
  std::string coloured(Verdict verdict, size_t width) const;
  void print_row(const GradcheckRow& row) const;
  void print_rows(const GradcheckResult& result) const;
  void print_identities(const GradcheckResult& result) const;

  size_t name_width_;
  bool colour_;
  int things_ = 0, tensors_ = 0, failed_ = 0, unchecked_things_ = 0, failed_things_ = 0;
  int64_t tiny_ = 0, unchecked_ = 0;
  double chance_of_missing_ = 0;
};

// Everything that was found, as JSON: {"verdict": ..., "checks": [{"name", "verdict", "tensors": [...], ...}]}.
std::string gradcheck_json(const std::vector<CheckedThing>& things);
// The same as a JUnit report: a suite for each check, a case for each tensor; unchecked ones are skipped.
std::string gradcheck_junit(const std::vector<CheckedThing>& things);

}  // namespace transformlet
