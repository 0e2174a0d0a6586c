#include "train/findings/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "train/durable_file.h"

namespace transformlet {
namespace {

constexpr std::string_view page_head =
    "# Published findings, reproduced\n\n"
    "Each section is written by `./run reproduce NAME`, from runs with the seeds 1, 2, ...; without a name all are "
    "run.\n"
    "A value is the mean over seeds, ± half the width of its 95 % confidence interval (Student's t). A check holds if\n"
    "that mean is within its bounds. What is run, measured and asked for stands in `configs/findings/NAME.yaml`.\n";

std::string bounds_in_words(const FindingCheck& check) {
  if (check.at_least && check.at_most) return fmt::format("{:g} to {:g}", *check.at_least, *check.at_most);
  return check.at_least ? fmt::format("at least {:g}", *check.at_least) : fmt::format("at most {:g}", *check.at_most);
}

std::optional<double> value_of(const FindingCheck& check, size_t seed,
                               const std::map<std::string, std::vector<std::optional<double>>>& values) {
  const std::optional<double> value = values.at(check.value)[seed];
  const std::string& other_name = check.minus.empty() ? check.divided_by : check.minus;
  if (!value || other_name.empty()) return value;
  const std::optional<double> other = values.at(other_name)[seed];
  if (!other) return std::nullopt;
  return check.minus.empty() ? *value / *other : *value - *other;
}

}  // namespace

std::string CheckOutcome::reached() const {
  if (values.empty()) return "never";
  const Estimate all = estimate(values);
  std::string text = fmt::format("{:.4g}", all.mean);
  if (all.half_width) text += fmt::format(" ± {:.2g}", *all.half_width);
  if (static_cast<int64_t>(values.size()) < seeds) text += fmt::format(" (in {} of {} runs)", values.size(), seeds);
  return text;
}

bool FindingOutcome::reproduced() const { return std::ranges::all_of(checks, &CheckOutcome::holds); }

std::string FindingOutcome::for_terminal() const {
  std::string text = fmt::format("{}: {} ({})\n", name, finding.title, reproduced() ? "reproduced" : "NOT reproduced");
  for (const CheckOutcome& check : checks) {
    text += fmt::format("  {}: {}; published: {}; asked: {}: {}\n", check.says, check.reached(), check.published,
                        check.bounds, check.holds ? "holds" : "DOES NOT HOLD");
  }
  return text;
}

std::string FindingOutcome::as_markdown() const {
  std::string text = fmt::format("## {}\n\n{} ({})\n\n", finding.title, finding.claim, finding.source);
  text += fmt::format("| checked | published | reached, {} {} | asked | |\n| --- | --- | --- | --- | --- |\n",
                      finding.seeds, finding.seeds == 1 ? "seed" : "seeds");
  for (const CheckOutcome& check : checks) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", check.says, check.published, check.reached(), check.bounds,
                        check.holds ? "holds" : "**does not hold**");
  }
  return text + fmt::format("\n`./run reproduce {}`\n", name);
}

std::vector<CheckOutcome> judge(const PublishedFinding& finding,
                                const std::map<std::string, std::vector<std::optional<double>>>& values) {
  std::vector<CheckOutcome> outcomes;
  for (const auto& [name, check] : finding.checks) {
    CheckOutcome outcome{check.says, check.published, bounds_in_words(check), {}, finding.seeds};
    for (size_t seed = 0; seed < static_cast<size_t>(finding.seeds); ++seed) {
      if (const auto value = value_of(check, seed, values)) outcome.values.push_back(*value);
    }
    const double mean = estimate(outcome.values).mean;
    outcome.holds = static_cast<int64_t>(outcome.values.size()) == finding.seeds &&
                    mean >= check.at_least.value_or(mean) && mean <= check.at_most.value_or(mean);
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

void write_section(const std::filesystem::path& page, const FindingOutcome& outcome) {
  std::string text(page_head);
  if (std::ifstream stream(page); stream.is_open()) {
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    text = bytes.str();
  }
  const std::string begin = fmt::format("<!-- {} -->\n", outcome.name);
  const std::string end = fmt::format("<!-- end of {} -->\n", outcome.name);
  const std::string section = begin + outcome.as_markdown() + end;
  const size_t old_begin = text.find(begin), old_end = text.find(end);
  if (old_begin == text.npos) {
    text += "\n" + section;
  } else {
    require(old_end != text.npos && old_begin < old_end, "{}: the end of the section {} is missing", page.string(),
            outcome.name);
    text.replace(old_begin, old_end + end.size() - old_begin, section);
  }
  replace_file(page, text);
}

}  // namespace transformlet
