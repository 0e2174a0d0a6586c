// Keys and values of hidden units that were made by hand.
#include "study/key_value_memories.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/study/probe_tools.h"

namespace transformlet {
namespace {

// Of ids 0 to 7 each is a coordinate of its own, at both ends; attention writes nothing, and norms only scale. So the
// first block's units see sqrt(8) (but for the norm's epsilon) in the coordinate of the token's id.
struct ByHand : SmallDecoder {
  ByHand() : SmallDecoder(options()) {
    for (const Parameter& parameter : parameters.list()) {
      if (parameter.kind == ParameterKind::gain) continue;
      Tensor x = parameter.value;
      std::fill_n(overwrite<double>(x), x.size(), 0.0);
    }
    for (int64_t i = 0; i < 8; ++i) {
      set("embedding.weight", i, i, 1);
      set("head.weight", i, i, 1);
    }
    examples.ids = Tokens({0, 2, 5, 1, 5, 2}, {2, 3});
    targets = Tokens({2, 5, 6, 5, 7, 7}, {2, 3});
  }

  static DecoderOptions options() {
    DecoderOptions result = small_decoder();
    result.position = Position::none;
    result.blocks.norm = NormKind::rms;
    result.blocks.activation = Activation::relu;
    return result;
  }

  void set(const std::string& name, int64_t row, int64_t column, double value) {
    Tensor x = parameter(name);
    overwrite<double>(x)[row * x.columns() + column] = value;
  }
  void set_key(int64_t unit, int64_t id, double value) {
    set("decoder.blocks.0.feed_forward.up.weight", unit, id, value);
  }
  void set_value(int64_t unit, int64_t id, double value) {
    set("decoder.blocks.0.feed_forward.down.weight", id, unit, value);
  }
};

TEST(KeyValueMemories, TellWhatTriggersAndWhatIsPromoted) {
  ByHand small;
  small.set_key(3, 5, 1);
  small.set_key(3, 2, 0.5);
  small.set_value(3, 7, 2);
  small.set_value(3, 6, 1);
  small.set_key(4, 1, -1);
  const std::vector<Memory> memories = key_value_memories(small.model, small.examples, 0, 3);
  ASSERT_EQ(memories.size(), 16u);
  const Memory& memory = memories[3];
  EXPECT_EQ(memory.unit, 3);
  const double seen = 1 / std::sqrt(1.0 / 8 + 1e-5);
  ASSERT_EQ(memory.triggers.size(), 3u);  // of four; both tokens 5 come first, and of equals the first
  EXPECT_EQ(memory.triggers[0].token, 2);
  EXPECT_EQ(memory.triggers[1].token, 4);
  EXPECT_EQ(memory.triggers[2].token, 1);
  EXPECT_NEAR(memory.triggers[0].coefficient, seen, 1e-14);
  EXPECT_NEAR(memory.triggers[2].coefficient, seen / 2, 1e-14);
  EXPECT_NEAR(memory.size, (seen + seen + seen / 2 + seen / 2) / 6 * std::sqrt(5), 1e-14);
  ASSERT_EQ(memory.promoted.size(), 3u);
  EXPECT_EQ(memory.promoted[0].id, 7);
  EXPECT_EQ(memory.promoted[1].id, 6);
  EXPECT_EQ(memory.promoted[2].id, 0);
  EXPECT_NEAR(memory.promoted[0].logit, 2 - 3.0 / 11, 1e-15);
  EXPECT_NEAR(memory.promoted[2].logit, -3.0 / 11, 1e-15);
  EXPECT_TRUE(memories[4].triggers.empty());
  EXPECT_EQ(memories[4].size, 0);
}

// The final norm's gain stands between a value and the classes; padding triggers nothing.
TEST(KeyValueMemories, CountGainsAndLeaveOutPadding) {
  ByHand small;
  small.set_key(3, 5, 1);
  small.set_value(3, 7, 2);
  small.set_value(3, 6, 1);
  Tensor gain = small.parameter("decoder.final_norm.gain");
  overwrite<double>(gain)[6] = 5;
  small.examples.mask = Mask::padding({2, 3});
  const Memory memory = key_value_memories(small.model, small.examples, 0, 2)[3];
  ASSERT_EQ(memory.triggers.size(), 1u);
  EXPECT_EQ(memory.triggers[0].token, 4);
  EXPECT_EQ(memory.promoted[0].id, 6);
  EXPECT_NEAR(memory.promoted[0].logit, 5 - 7.0 / 11, 1e-15);
}

// Unit 3 promotes 7, and 6 follows its first trigger, the first token 5; unit 2 promotes 5, which follows a 2; unit 1's
// trigger, 0, is to be left out.
TEST(MemoriesProbe, FindsWhoPromotesWhatFollows) {
  ByHand small;
  const std::string layer = "decoder.blocks.0.feed_forward/agreement";
  EXPECT_TRUE(measured("memories", small.view()).empty());  // nothing is triggered
  for (const auto& [unit, key, value] : {std::tuple(3, 5, 7), std::tuple(2, 2, 5), std::tuple(1, 0, 2)}) {
    small.set_key(unit, key, 1);
    small.set_value(unit, value, 1);
  }
  EXPECT_NEAR(measured("memories", small.view())[layer], 2.0 / 3, 1e-15);
  small.targets = Tokens({-100, 5, 6, 5, 7, 7}, {2, 3});
  EXPECT_EQ(measured("memories", small.view())[layer], 1.0 / 2);
  small.targets = Tokens({-100, 5, 7, 5, 7, 7}, {2, 3});
  EXPECT_EQ(measured("memories", small.view())[layer], 1);
}

}  // namespace
}  // namespace transformlet
