// What became of a finding's checks, as a table for the terminal and as a section of a page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/findings/measures.h"

namespace transformlet {

struct CheckOutcome {
  std::string says, published, bounds;  // bounds in words
  std::vector<double> values;           // of the seeds for which there is one
  int64_t seeds = 0;
  bool holds = false;  // there is a value for each seed, and the mean is within the bounds

  std::string reached() const;  // "0.998 +- 0.002", "never", "12.5 (in 2 of 3 runs)"
};

struct FindingOutcome {
  std::string name;  // of the file
  PublishedFinding finding;
  std::vector<CheckOutcome> checks;

  bool reproduced() const;
  std::string for_terminal() const;
  std::string as_markdown() const;
};

// The checks of a finding, with the values of its measures: one for each seed, by name.
std::vector<CheckOutcome> judge(const PublishedFinding& finding,
                                const std::map<std::string, std::vector<std::optional<double>>>& values);

// Puts a finding's section into the page, in the place of an older one, or at its end. The page is made if there is
// none.
void write_section(const std::filesystem::path& page, const FindingOutcome& outcome);

}  // namespace transformlet
