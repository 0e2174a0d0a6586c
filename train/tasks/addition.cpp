// Sums of two numbers, written digit by digit: minGPT's adder (Karpathy 2020), and the order of digits that makes it
// easy (Lee et al. 2023, Teaching Arithmetic to Small Transformers): the lowest first, as they are computed.
#include <algorithm>

#include "train/tasks/computed.h"

namespace transformlet {
namespace {

constexpr int32_t plus = 10, equals = 11;
constexpr int32_t ignored = CrossEntropyOptions().ignored;

// 123+456=9750 with the sum's digits turned round: what stands behind the sign of equality is to be predicted.
struct Addition : ComputedTask {
  static constexpr const char* name = "addition";
  static constexpr const char* help = "write the sum of two numbers, digit by digit; the best loss is 0";

  int64_t num_digits = 3;
  std::string order = "reversed";

  void describe(Fields& field) override {
    field("num_digits", num_digits, "of each number, with leading zeros", between(1, 9));
    field("order", order, "of the sum's digits: as they are written, or the lowest first",
          one_of({"reversed", "plain"}));
    describe_sizes(field);
  }

  ModelSizes sizes() const override { return {.vocab_size = 12, .classes = 12, .max_length = 3 * num_digits + 2}; }
  std::string token_text(TokenKind /*kind*/, int32_t id) const override {
    return id == plus ? "+" : id == equals ? "=" : std::to_string(id);
  }
  // Only the digits of the sum are targets: functions of what may be looked at.
  std::optional<double> best_loss(const Batch& /*batch*/) const override { return 0; }

 protected:
  Example example(Split split, RandomKey key) const override {
    const std::vector<int32_t> digits = draw_in_split(split, key, [this](RandomStream& stream) {
      std::vector<int32_t> drawn;
      for (int64_t i = 0; i < 2 * num_digits; ++i) drawn.push_back(static_cast<int32_t>(stream.below(10)));
      return drawn;
    });
    const auto middle = digits.begin() + num_digits;
    std::vector<int32_t> text(digits.begin(), middle);
    text.push_back(plus);
    text.insert(text.end(), middle, digits.end());
    text.push_back(equals);
    const size_t question = text.size();
    std::vector<int32_t> sum = added({digits.begin(), middle}, {middle, digits.end()});
    if (order == "plain") std::reverse(sum.begin(), sum.end());
    text.insert(text.end(), sum.begin(), sum.end());
    Example example{.inputs = {text.begin(), text.end() - 1}, .targets = {text.begin() + 1, text.end()}};
    std::fill_n(example.targets.begin(), question - 1, ignored);
    return example;
  }

 private:
  // The digits of a + b, one more than those of a and b, the lowest first.
  static std::vector<int32_t> added(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
    std::vector<int32_t> sum;
    int32_t carry = 0;
    for (size_t i = a.size(); i-- > 0;) {
      const int32_t digit = a[i] + b[i] + carry;
      sum.push_back(digit % 10);
      carry = digit / 10;
    }
    sum.push_back(carry);
    return sum;
  }
};

const Registered<Task, Addition> registered;

}  // namespace
}  // namespace transformlet
