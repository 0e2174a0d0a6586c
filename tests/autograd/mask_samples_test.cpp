// A mask of some samples of a batch says of each what the mask of the whole batch says.
#include <gtest/gtest.h>

#include "autograd/mask.h"
#include "base/random.h"

namespace transformlet {
namespace {

Mask dense(const Shape& shape) {
  std::vector<uint8_t> entries;
  RandomStream stream(RandomKey(2));
  for (int64_t i = 0; i < shape.size(); ++i) entries.push_back(static_cast<uint8_t>(stream.below(2)));
  return Mask::dense(std::move(entries), shape);
}

TEST(MaskSamples, AreThoseOfTheWhole) {
  const Mask padding = Mask::padding({1, 4, 0, 3, 2});
  for (const Mask& whole : {Mask::none(), Mask::causal(), Mask::sliding_window(2, 1), padding, dense({3, 4}),
                            dense({5, 3, 4}), dense({1, 2, 3, 4}), dense({5, 2, 3, 4}), dense({5, 1, 1, 4}),
                            Mask::causal() & padding & dense({5, 2, 1, 4})}) {
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 5}, {0, 2}, {1, 4}, {4, 5}}) {
      const Mask some = whole.samples(begin, end);
      some.require_fits("test", end - begin, 2, 3, 4);
      for (int64_t b = begin; b < end; ++b) {
        for (int64_t i = 0; i < 24; ++i) {  // heads, queries, keys
          EXPECT_EQ(some.may_attend(b - begin, i / 12, i / 4 % 3, i % 4), whole.may_attend(b, i / 12, i / 4 % 3, i % 4))
              << whole.to_string() << " " << begin << " " << b << " " << i;
        }
      }
    }
  }
}

TEST(MaskSamples, ThatAreNotThereAreAnError) {
  const auto error = [](const Mask& mask, int64_t begin, int64_t end) {
    try {
      mask.samples(begin, end);
    } catch (const Error& refused) {
      return std::string(refused.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error(Mask::padding({1, 2}), 1, 3), "Mask::samples: [1, 3) reaches beyond 2 lengths");
  EXPECT_EQ(error(dense({2, 1, 1}), 0, 3), "Mask::samples: [0, 3) reaches beyond a dense mask of 2 samples");
  EXPECT_EQ(error(Mask::none(), 2, 1), "Mask::samples: [2, 1) is no range of samples");
}

}  // namespace
}  // namespace transformlet
