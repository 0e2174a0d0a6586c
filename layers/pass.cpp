#include "layers/pass.h"

namespace transformlet {
namespace {

std::string full_name(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

}  // namespace

Pass Pass::training(uint64_t seed, int64_t step, int64_t first_sample) {
  Pass pass;
  pass.training_ = true;
  pass.key_ = RandomKey(seed) / "dropout" / step;
  pass.first_sample_ = first_sample;
  return pass;
}

Pass Pass::with_tap(Tap& tap) const {
  Pass pass = *this;
  pass.tap_ = &tap;
  return pass;
}

Pass Pass::with_call(int64_t call) const {
  Pass pass = *this;
  pass.call_ = call;
  return pass;
}

Pass Pass::with_recompute(bool recompute) const {
  Pass pass = *this;
  pass.recompute_ = recompute;
  return pass;
}

Tensor Pass::dropout(const std::string& site, const Tensor& x, double probability) const {
  return training_ && probability > 0 ? transformlet::dropout(x, probability, dropout_key(site)) : x;
}

DropoutKey Pass::dropout_key(const std::string& site) const { return {key_ / site / call_, first_sample_}; }

bool Pass::wants(const std::string& path, std::string_view name) const {
  return tap_ != nullptr && tap_->wants(full_name(path, name));
}

Tensor Pass::tap(const std::string& path, std::string_view name, const Tensor& x) const {
  if (tap_ == nullptr) return x;
  const std::string full = full_name(path, name);
  if (!tap_->wants(full)) return x;
  Tensor result = tap_->receive(full, x);
  require(result.shape() == x.shape(), "{}: the activation {} was replaced by {}", full, x, result);
  return result;
}

Pass Pass::with_cache(KeyValueCache& cache) const {
  Pass pass = *this;
  pass.cache_ = &cache;
  return pass;
}

}  // namespace transformlet
