#include "train/early_stop.h"

#include <charconv>

#include "base/error.h"

namespace transformlet {
namespace {

constexpr const char* best_key = "early_stop/best_val_loss";
constexpr const char* since_key = "early_stop/evaluations_since";

template <class T>
T parsed(const std::string& key, const std::string& text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(code == std::errc() && end == text.data() + text.size(), "the checkpoint's {} is '{}', no number", key, text);
  return value;
}

}  // namespace

bool EarlyStop::measure(double val_loss) {
  if (!patience_) return false;
  const bool is_better = !best_ || val_loss < *best_;
  if (is_better) best_ = val_loss;
  evaluations_since_ = is_better ? 0 : evaluations_since_ + 1;
  return is_better;
}

void EarlyStop::save(std::map<std::string, std::string>& extra) const {
  if (!patience_ || !best_) return;
  extra[best_key] = fmt::format("{}", *best_);  // reads back to the same bits
  extra[since_key] = fmt::format("{}", evaluations_since_);
}

void EarlyStop::restore(const std::map<std::string, std::string>& extra) {
  const auto best = extra.find(best_key), since = extra.find(since_key);
  if (!patience_ || best == extra.end() || since == extra.end()) return;
  best_ = parsed<double>(best_key, best->second);
  evaluations_since_ = parsed<int64_t>(since_key, since->second);
}

}  // namespace transformlet
