#include "train/gradcheck_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <tuple>

namespace transformlet {
namespace {

bool wants_colour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

std::string plural(int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What to do about what could not be checked.
const char* advice(const GradcheckResult& result, const GradcheckRow& row) {
  switch (row.reason) {
    case Reason::noise:
      return result.low_precision
                 ? "float32 can't tell a bug from noise here: check in float64 (gradcheck.dtype=float64)"
                 : "the gradient lies below the function's own rounding: scale the inputs";
    case Reason::kink:
      return "the derivative jumps here: move the input off the kink (another seed)";
    case Reason::non_finite:
      return "the function is not finite here";
    case Reason::nondeterministic:
      return "the same inputs give other bits each time: fix the random state";
    default:
      return "too small beside the other gradients to be seen, or to matter";
  }
}

std::string unchecked_in_words(const GradcheckRow& row) {
  std::vector<std::string> words;
  const auto add = [&](int64_t count, Reason reason) {
    if (count > 0) words.push_back(fmt::format("{} {}", count, name_of(reason)));
  };
  add(row.tiny, Reason::tiny);
  add(row.noisy, Reason::noise);
  add(row.kinks, Reason::kink);
  add(row.non_finite, Reason::non_finite);
  return fmt::format("{}", fmt::join(words, ", "));
}

// Failures before what is unchecked, the most wrong first.
std::vector<const GradcheckRow*> worst_first(const GradcheckResult& result) {
  std::vector<const GradcheckRow*> rows;
  for (const GradcheckRow& row : result.rows) {
    const bool is_excused = row.verdict == Verdict::unchecked && row.reason == Reason::tiny;
    if (row.verdict != Verdict::pass && !is_excused) rows.push_back(&row);
  }
  const auto rank = [](const GradcheckRow& row) {
    const double error = std::isfinite(row.worst_relative_error) ? row.worst_relative_error : 1e300;
    return std::tuple(row.verdict == Verdict::fail, row.reason, error);
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) { return rank(*a) > rank(*b); });
  return rows;
}

}  // namespace

GradcheckTable::GradcheckTable(size_t name_width) : name_width_(name_width), colour_(wants_colour()) {}

std::string GradcheckTable::coloured(Verdict verdict, size_t width) const {
  const std::string word = fmt::format("{:{}}", name_of(verdict), width);
  if (!colour_) return word;
  const int colour = verdict == Verdict::pass ? 32 : verdict == Verdict::fail ? 31 : 33;
  return fmt::format("\033[{}m{}\033[0m", colour, word);
}

void GradcheckTable::add(const CheckedThing& thing) {
  const GradcheckResult& result = thing.result;
  const Verdict verdict = result.verdict();
  double worst = 0;
  int64_t entries = 0, tiny = 0, unchecked = 0;
  for (const GradcheckRow& row : result.rows) {
    worst = std::max(worst, row.worst_relative_error);
    entries += row.entries_checked;
    tiny += row.tiny;
    unchecked += row.unchecked() - row.tiny;
    failed_ += row.verdict == Verdict::fail;
    if (row.entries_checked == 0 && row.verdict == Verdict::pass && row.chance_of_missing < 1) {
      chance_of_missing_ = std::max(chance_of_missing_, row.chance_of_missing);
    }
  }
  std::string how = plural(static_cast<int64_t>(result.rows.size()), "tensor");
  if (!result.directions.empty())
    how += fmt::format(", {}", plural(static_cast<int64_t>(result.directions.size()), "direction"));
  if (entries > 0) how += fmt::format(", {} {}", entries, entries == 1 ? "entry" : "entries");
  std::cout << fmt::format("{}  {:{}}  {:<38}  worst {:.1e}  {:.2f} s\n", coloured(verdict, 9), thing.name, name_width_,
                           how, worst, thing.seconds);
  print_rows(result);
  if (verdict != Verdict::pass) print_identities(result);
  for (const Finding& finding : result.findings) std::cout << fmt::format("  audit      {}\n", finding.text);
  ++things_;
  tensors_ += static_cast<int>(result.rows.size());
  failed_things_ += verdict == Verdict::fail;
  unchecked_things_ += verdict == Verdict::unchecked;
  tiny_ += tiny;
  unchecked_ += unchecked;
}

void GradcheckTable::print_row(const GradcheckRow& row) const {
  std::cout << fmt::format("  {}  {} {}", coloured(row.verdict, 9), row.name, row.shape);
  if (row.verdict == Verdict::unchecked) {
    std::cout << fmt::format(": {}{}{}\n", name_of(row.reason), row.kink.empty() ? "" : " of ", row.kink);
    return;
  }
  if (row.failed > 0) std::cout << fmt::format(": {} of {} entries wrong", row.failed, row.entries_checked);
  if (!row.diagnosis.empty()) std::cout << fmt::format(": {}", row.diagnosis);
  std::cout << '\n';
  if (row.entries_checked == 0 || row.failed == 0) return;
  std::cout << fmt::format(
      "             worst at [{}]: analytic {:.10g}, numeric {:.10g} +- {:.1e}\n"
      "             relative error {:.1e} at worst, {:.1e} on average; cosine {:.6f}\n",
      fmt::join(row.worst.index, ", "), row.worst.analytic, row.worst.numeric, row.worst.error_bar,
      row.worst_relative_error, row.mean_relative_error, row.cosine);
  if (row.unchecked() > 0) std::cout << fmt::format("             unchecked: {}\n", unchecked_in_words(row));
}

void GradcheckTable::print_rows(const GradcheckResult& result) const {
  const std::vector<const GradcheckRow*> rows = worst_first(result);
  for (size_t i = 0; i < rows.size(); ++i) {
    const GradcheckRow& row = *rows[i];
    print_row(row);
    // What to do, once for all rows of a reason, which stand together.
    const bool is_last = i + 1 == rows.size() || rows[i + 1]->reason != row.reason;
    if (row.verdict == Verdict::unchecked && is_last)
      std::cout << fmt::format("             {}\n", advice(result, row));
  }
}

void GradcheckTable::print_identities(const GradcheckResult& result) const {
  for (const IdentityCheck& identity : result.identities) {
    if (identity.verdict == Verdict::pass) continue;
    std::cout << fmt::format("  {}  {}", coloured(identity.verdict, 9), identity.name);
    std::cout << (identity.note.empty() ? fmt::format(": off by {:.1e} of its size, {:.0e} is allowed\n",
                                                      identity.error, identity.tolerance)
                                        : fmt::format(": {}\n", identity.note));
  }
}

int GradcheckTable::finish() const {
  const std::string what = fmt::format("{} of {}", plural(tensors_, "tensor"), plural(things_, "check"));
  std::string rest;
  if (tiny_ > 0) rest += fmt::format("; {} too small to be seen", plural(tiny_, "value"));
  if (unchecked_ > 0) rest += fmt::format("; {} unchecked", plural(unchecked_, "value"));
  if (failed_things_ > 0) {
    std::cout << fmt::format("{}: {} of {} have a wrong gradient\n", coloured(Verdict::fail, 0), failed_, what);
    return 1;
  }
  if (unchecked_things_ > 0) {
    std::cout << fmt::format("{}: nothing is wrong, but {} of {} could not be proved right\n",
                             coloured(Verdict::unchecked, 0), unchecked_things_, plural(things_, "check"));
    return 1;
  }
  std::cout << fmt::format("{}: {} have the right gradient{}\n", coloured(Verdict::pass, 0), what, rest);
  if (chance_of_missing_ > 0) {
    std::cout << fmt::format(
        "      an error of 1 % in one entry of average size would go unseen with a chance of at most {:.0e}\n",
        chance_of_missing_);
  }
  return 0;
}

}  // namespace transformlet
