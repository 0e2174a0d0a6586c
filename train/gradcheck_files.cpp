// Results of gradient checks as JSON and JUnit.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "train/gradcheck_report.h"

namespace transformlet {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no numbers that are not finite, and nlohmann writes them as null: they are strings here.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

std::string word(Verdict verdict) { return verdict == Verdict::fail ? "fail" : name_of(verdict); }

Json json_of(const EntryCheck& entry) {
  return {{"index", entry.index},
          {"analytic", number(entry.analytic)},
          {"numeric", number(entry.numeric)},
          {"error_bar", number(entry.error_bar)},
          {"verdict", word(entry.verdict)},
          {"reason", name_of(entry.reason)},
          {"kink", entry.kink}};
}

Json json_of(const GradcheckRow& row) {
  Json json = {{"name", row.name},
               {"shape", std::vector<int64_t>(row.shape.begin(), row.shape.end())},
               {"verdict", word(row.verdict)},
               {"reason", name_of(row.reason)},
               {"entries", row.entries_checked},
               {"passed", row.passed},
               {"failed", row.failed},
               {"tiny", row.tiny},
               {"noise", row.noisy},
               {"kink", row.kinks},
               {"non_finite", row.non_finite},
               {"worst_relative_error", number(row.worst_relative_error)},
               {"mean_relative_error", number(row.mean_relative_error)},
               {"cosine", number(row.cosine)},
               {"diagnosis", row.diagnosis}};
  if (row.entries_checked > 0) {
    json["worst"] = json_of(row.worst);
  } else {
    json["chance_of_missing_1_percent_in_one_entry"] = number(row.chance_of_missing);
  }
  return json;
}

Json json_of(const CheckedThing& thing) {
  const GradcheckResult& result = thing.result;
  Json json = {{"name", thing.name},          {"verdict", word(result.verdict())},
               {"seconds", thing.seconds},    {"deterministic", result.deterministic},
               {"tensors", Json::array()},    {"directions", Json::array()},
               {"identities", Json::array()}, {"findings", Json::array()}};
  for (const GradcheckRow& row : result.rows) json["tensors"].push_back(json_of(row));
  for (const DirectionCheck& check : result.directions) {
    json["directions"].push_back({{"analytic", number(check.analytic)},
                                  {"numeric", number(check.numeric)},
                                  {"error_bar", number(check.error_bar)},
                                  {"verdict", word(check.verdict)},
                                  {"reason", name_of(check.reason)}});
  }
  for (const IdentityCheck& identity : result.identities) {
    json["identities"].push_back({{"name", identity.name},
                                  {"verdict", word(identity.verdict)},
                                  {"error", number(identity.error)},
                                  {"tolerance", identity.tolerance},
                                  {"note", identity.note}});
  }
  constexpr const char* kinds[] = {"no_path", "zero_gradient", "unused_output", "cut"};
  for (const Finding& finding : result.findings) {
    json["findings"].push_back({{"kind", kinds[finding.kind]}, {"name", finding.name}, {"text", finding.text}});
  }
  return json;
}

Verdict worst_of(const std::vector<CheckedThing>& things) {
  Verdict worst = Verdict::pass;
  for (const CheckedThing& thing : things) {
    const Verdict verdict = thing.result.verdict();
    if (verdict == Verdict::fail) return verdict;
    if (verdict == Verdict::unchecked) worst = verdict;
  }
  return worst;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

struct Case {
  std::string name, text;
  Verdict verdict;
};

std::vector<Case> cases_of(const GradcheckResult& result) {
  std::vector<Case> cases;
  for (const GradcheckRow& row : result.rows) {
    std::string text = row.diagnosis.empty() ? name_of(row.reason) : row.diagnosis;
    if (row.failed > 0) {
      text = fmt::format("{} of {} entries wrong, at worst analytic {:.10g}, numeric {:.10g} +- {:.1e}: {}", row.failed,
                         row.entries_checked, row.worst.analytic, row.worst.numeric, row.worst.error_bar, text);
    }
    cases.push_back({row.name, text, row.verdict});
  }
  for (const IdentityCheck& identity : result.identities) {
    const std::string text = fmt::format("off by {:.1e}, {:.0e} is allowed", identity.error, identity.tolerance);
    cases.push_back({identity.name, identity.note.empty() ? text : identity.note, identity.verdict});
  }
  return cases;
}

}  // namespace

std::string gradcheck_json(const std::vector<CheckedThing>& things) {
  Json json = {{"verdict", word(worst_of(things))}, {"checks", Json::array()}};
  for (const CheckedThing& thing : things) json["checks"].push_back(json_of(thing));
  return json.dump(2) + "\n";
}

std::string gradcheck_junit(const std::vector<CheckedThing>& things) {
  std::string suites;
  size_t tests = 0, failures = 0, skipped = 0;
  double seconds = 0;
  for (const CheckedThing& thing : things) {
    std::string body;
    size_t failed = 0, unchecked = 0;
    const std::vector<Case> cases = cases_of(thing.result);
    for (const Case& one : cases) {
      body += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", escaped(thing.name), escaped(one.name));
      const std::string message = escaped(one.text);
      if (one.verdict == Verdict::pass) {
        body += "/>\n";
      } else if (one.verdict == Verdict::fail) {
        ++failed;
        body += fmt::format("><failure message=\"{}\"/></testcase>\n", message);
      } else {
        ++unchecked;
        body += fmt::format("><skipped message=\"unchecked: {}\"/></testcase>\n", message);
      }
    }
    suites += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}  </testsuite>\n",
        escaped(thing.name), cases.size(), failed, unchecked, thing.seconds, body);
    tests += cases.size();
    failures += failed;
    skipped += unchecked;
    seconds += thing.seconds;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"gradcheck\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}</testsuites>\n",
      tests, failures, skipped, seconds, suites);
}

}  // namespace transformlet
