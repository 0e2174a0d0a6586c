// The task of Lippe's UvA deep learning tutorial 6 (sequence to sequence): write a string of symbols backwards.
#include "train/tasks/symbols.h"

namespace transformlet {
namespace {

struct Reverse : SymbolTask {
  static constexpr const char* name = "reverse";
  static constexpr const char* help = "write a string of random symbols backwards";

 protected:
  std::vector<int32_t> answer(const std::vector<int32_t>& input) const override {
    return {input.rbegin(), input.rend()};
  }
};

const Registered<Task, Reverse> registered;

}  // namespace
}  // namespace transformlet
