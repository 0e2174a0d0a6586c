#include "train/findings/finding.h"

#include <fmt/format.h>

#include <algorithm>

namespace transformlet {
namespace {

template <class T>
const T* find(const std::vector<std::pair<std::string, T>>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &std::pair<std::string, T>::first);
  return found == all.end() ? nullptr : &found->second;
}

template <class T>
std::string names_of(const std::vector<std::pair<std::string, T>>& all) {
  std::string names;
  for (const auto& [name, value] : all) names += (names.empty() ? "" : ", ") + name;
  return names;
}

bool takes_a_level(const std::string& take) { return take == "rises_to" || take == "falls_to"; }

}  // namespace

void FindingRun::describe(Fields& field) {
  field("config", config, "the file to train from", required());
  field("set", set, "keys to set: model.num_layers=1");
  field("sweep", sweep, "a key to train with several values of");
  field("over", over, "those values");
  field.check([&] { return sweep.empty() == over.empty() && over.size() != 1; }, {"over", "sweep"},
              "a sweep is over at least two values of a key");
}

void FindingMeasure::describe(Fields& field) {
  field("run", run, "whose metrics", required());
  field("metric", metric, "its name, in which a * stands for anything", required());
  field("among", among, "which of all that match at a step: the largest value, or the last name, of the deepest layer",
        one_of({"largest", "last"}));
  field(
      "take", take,
      "of its values over time the last, first, largest, smallest, mean; or the first step at which it rises or falls "
      "to the level",
      one_of({"last", "first", "max", "min", "mean", "rises_to", "falls_to"}));
  field("level", level, "for rises_to and falls_to");
  field("from_step", from_step, "what was measured before does not count", at_least(0));
  field("from_level", from_level, "nor what was before it first was at least so large");
  field("times", times, "a factor");
  field.check([&] { return level.has_value() == takes_a_level(take); }, {"level", "take"},
              "rises_to and falls_to need a level, and nothing else takes one");
}

void FindingCheck::describe(Fields& field) {
  field("says", says, "what is checked, in words", required());
  field("published", published, "what the source found", required());
  field("value", value, "a measure", required());
  field("minus", minus, "another, to be taken from it");
  field("divided_by", divided_by, "another, to divide it by");
  field("at_least", at_least, "the mean over seeds must be");
  field("at_most", at_most, "the mean over seeds must be");
  field.check([&] { return at_least || at_most; }, {"at_least", "at_most"}, "a check needs a bound");
  field.check([&] { return minus.empty() || divided_by.empty(); }, {"minus", "divided_by"},
              "a difference or a ratio, not both");
}

void PublishedFinding::describe(Fields& field) {
  field("title", title, "a name for it", required());
  field("source", source, "who found it, and where to read it", required());
  field("claim", claim, "what was found", required());
  field("seeds", seeds, "how many runs of each kind, with the seeds 1, 2, ...", at_least(1));
  field.dictionary("runs", runs, "what to train");
  field.dictionary("measures", measures, "what to read from the runs");
  field.dictionary("checks", checks, "what must be so");
  field.check([&] { return !runs.empty(); }, {"runs"}, "there is none");
  field.check(
      [&] {
        for (const auto& [name, measure] : measures) {
          if (find(runs, measure.run) == nullptr) {
            return fmt::format("{}: there is no run '{}'; there are {}", name, measure.run, names_of(runs));
          }
        }
        return std::string();
      },
      {"measures"});
  field.check(
      [&] {
        if (checks.empty()) return std::string("there is none");
        for (const auto& [name, check] : checks) {
          for (const std::string& used : {check.value, check.minus, check.divided_by}) {
            if (!used.empty() && find(measures, used) == nullptr) {
              return fmt::format("{}: there is no measure '{}'; there are {}", name, used, names_of(measures));
            }
          }
        }
        return std::string();
      },
      {"checks"});
}

const FindingRun& PublishedFinding::run(const std::string& name) const { return *find(runs, name); }

const FindingMeasure& PublishedFinding::measure(const std::string& name) const { return *find(measures, name); }

}  // namespace transformlet
