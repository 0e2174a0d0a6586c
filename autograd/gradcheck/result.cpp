// What a check found, in words.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "autograd/gradcheck.h"

namespace transformlet {

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "FAIL";
    default:
      return "unchecked";
  }
}

const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "";
    case Reason::tiny:
      return "tiny";
    case Reason::noise:
      return "noise";
    case Reason::kink:
      return "kink";
    case Reason::non_finite:
      return "non-finite";
    default:
      return "nondeterministic";
  }
}

double EntryCheck::relative_error() const {
  const double size = std::max(std::abs(analytic), std::abs(numeric));
  return size == 0 ? 0 : std::abs(analytic - numeric) / size;
}

Verdict GradcheckResult::verdict() const {
  bool passed = false, unchecked = !deterministic;
  for (const IdentityCheck& identity : identities) {
    if (identity.verdict == Verdict::fail) return Verdict::fail;
  }
  for (const DirectionCheck& direction : directions) {
    if (direction.verdict == Verdict::fail) return Verdict::fail;
  }
  for (const GradcheckRow& row : rows) {
    if (row.verdict == Verdict::fail) return Verdict::fail;
    passed |= row.verdict == Verdict::pass;
    unchecked |= row.verdict == Verdict::unchecked && row.reason != Reason::tiny;
  }
  return unchecked || !passed ? Verdict::unchecked : Verdict::pass;
}

namespace {

// " (kink of relu)"; nothing for what passed or failed.
std::string why(Verdict verdict, Reason reason, const std::string& kink) {
  if (verdict != Verdict::unchecked) return "";
  return fmt::format(" ({}{})", name_of(reason), reason == Reason::kink ? " of " + kink : "");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const GradcheckResult& result) {
  for (const GradcheckRow& row : result.rows) {
    out << fmt::format("{} {} {}{}", name_of(row.verdict), row.name, row.shape, why(row.verdict, row.reason, row.kink));
    if (row.entries_checked > 0) {
      out << fmt::format(
          ": {} of {} entries fail, {} unchecked; worst at [{}]: analytic {:.10g}, numeric {:.10g} +- {:.1e}",
          row.failed, row.entries_checked, row.unchecked(), fmt::join(row.worst.index, ", "), row.worst.analytic,
          row.worst.numeric, row.worst.error_bar);
    }
    if (!row.diagnosis.empty()) out << fmt::format(": {}", row.diagnosis);
    out << '\n';
  }
  for (const DirectionCheck& check : result.directions) {
    if (check.verdict == Verdict::pass) continue;
    out << fmt::format("{} a direction{}: analytic {:.10g}, numeric {:.10g} +- {:.1e}\n", name_of(check.verdict),
                       why(check.verdict, check.reason, check.kink), check.analytic, check.numeric, check.error_bar);
  }
  for (const IdentityCheck& identity : result.identities) {
    if (identity.verdict == Verdict::pass) continue;
    out << fmt::format("{} {}: ", name_of(identity.verdict), identity.name);
    out << (identity.note.empty() ? fmt::format("off by {:.1e}, allowed {:.0e}\n", identity.error, identity.tolerance)
                                  : identity.note + "\n");
  }
  for (const Finding& finding : result.findings) out << finding.text << '\n';
  if (!result.deterministic) out << "the function or its gradient gives other bits when it is computed again\n";
  return out;
}

}  // namespace transformlet
