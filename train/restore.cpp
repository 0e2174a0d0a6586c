#include "train/restore.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "train/config/errors.h"

namespace transformlet {
namespace {

using ByName = std::map<std::string_view, const Tensor*>;

ByName by_name(const std::vector<NamedTensor>& tensors) {
  ByName result;
  for (const auto& [name, value] : tensors) {
    require(result.emplace(name, &value).second, "two tensors are named '{}'", shown(name));
  }
  return result;
}

std::string description(std::string_view name, const Tensor& tensor) {
  return fmt::format("{} {} {}", shown(std::string(name)), tensor, name_of(tensor.dtype()));
}

void add_part(std::vector<std::string>& parts, const char* title, const std::vector<std::string>& tensors) {
  if (!tensors.empty()) parts.push_back(fmt::format("{}: {}", title, fmt::join(tensors, ", ")));
}

}  // namespace

void restore(const std::vector<NamedTensor>& stored, std::vector<NamedTensor>& into) {
  const ByName sources = by_name(stored), targets = by_name(into);
  std::vector<std::string> missing, unexpected, misshapen;
  for (const auto& [name, target] : targets) {
    const auto source = sources.find(name);
    if (source == sources.end())
      missing.push_back(description(name, *target));
    else if (source->second->shape() != target->shape() || source->second->dtype() != target->dtype())
      misshapen.push_back(fmt::format("{}, but {} {} is wanted", description(name, *source->second), *target,
                                      name_of(target->dtype())));
  }
  for (const auto& [name, source] : sources) {
    if (!targets.contains(name)) unexpected.push_back(description(name, *source));
  }
  std::vector<std::string> parts;
  add_part(parts, "missing", missing);
  add_part(parts, "unexpected", unexpected);
  add_part(parts, "of another shape or dtype", misshapen);
  require(parts.empty(), "the stored tensors do not fit: {}", fmt::join(parts, "; "));

  for (NamedTensor& target : into) {
    const Tensor& source = *sources.at(target.name);
    with_dtype(source.dtype(),
               [&]<class T>() { std::copy_n(source.data<T>(), source.size(), overwrite<T>(target.value)); });
  }
}

}  // namespace transformlet
