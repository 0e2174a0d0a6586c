// The task of Karpathy's minGPT demo: write a string of symbols in order.
#include <algorithm>

#include "train/tasks/symbols.h"

namespace transformlet {
namespace {

struct Sort : SymbolTask {
  static constexpr const char* name = "sort";
  static constexpr const char* help = "write a string of random symbols in order";

 protected:
  std::vector<int32_t> answer(const std::vector<int32_t>& input) const override {
    std::vector<int32_t> sorted = input;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
};

const Registered<Task, Sort> registered;

}  // namespace
}  // namespace transformlet
