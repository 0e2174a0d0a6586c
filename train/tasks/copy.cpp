// The simplest task of all: write a string of symbols as it is.
#include "train/tasks/symbols.h"

namespace transformlet {
namespace {

struct Copy : SymbolTask {
  static constexpr const char* name = "copy";
  static constexpr const char* help = "write a string of random symbols as it is";

 protected:
  std::vector<int32_t> answer(const std::vector<int32_t>& input) const override { return input; }
};

const Registered<Task, Copy> registered;

}  // namespace
}  // namespace transformlet
