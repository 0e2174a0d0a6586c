// When training ends early, and that a resumed run knows.
#include "train/early_stop.h"

#include <gtest/gtest.h>

#include "tests/train/storage_tools.h"

namespace transformlet {
namespace {

TEST(EarlyStop, EndsAfterSoManyEvaluationsWithoutABetterOne) {
  EarlyStop stop(3);
  EXPECT_FALSE(stop.is_over());
  EXPECT_TRUE(stop.measure(5));
  EXPECT_FALSE(stop.measure(5)) << "as good is not better";
  EXPECT_FALSE(stop.measure(6));
  EXPECT_FALSE(stop.is_over());
  EXPECT_TRUE(stop.measure(4.5));  // just in time
  EXPECT_FALSE(stop.measure(4.6));
  EXPECT_FALSE(stop.measure(4.7));
  EXPECT_FALSE(stop.is_over());
  EXPECT_FALSE(stop.measure(4.6));  // better than the last, but not than the best
  EXPECT_TRUE(stop.is_over());
  EXPECT_EQ(stop.best_val_loss(), 4.5);
  EXPECT_EQ(stop.evaluations_since(), 3);
}

TEST(EarlyStop, WithoutPatienceItNeverEndsAndSavesNothing) {
  EarlyStop stop(std::nullopt);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(stop.measure(i));
  EXPECT_FALSE(stop.is_over());
  std::map<std::string, std::string> extra;
  stop.save(extra);
  EXPECT_TRUE(extra.empty());
}

TEST(EarlyStop, ComesBackToTheBit) {
  EarlyStop stop(2);
  stop.measure(1.0 / 3);
  stop.measure(0.5);
  std::map<std::string, std::string> extra = {{"other", "x"}};
  stop.save(extra);
  EXPECT_EQ(extra.size(), 3U);
  EarlyStop back(2);
  back.restore(extra);
  EXPECT_EQ(back.best_val_loss(), 1.0 / 3);
  EXPECT_EQ(back.evaluations_since(), 1);
  EXPECT_FALSE(back.measure(1.0 / 3));
  EXPECT_TRUE(back.is_over());

  EarlyStop more_patient(9);  // asked for more, it goes on
  stop.measure(0.5);
  stop.save(extra);
  more_patient.restore(extra);
  EXPECT_TRUE(stop.is_over());
  EXPECT_FALSE(more_patient.is_over());
  EXPECT_EQ(more_patient.evaluations_since(), 2);

  EarlyStop fresh(2);
  fresh.restore({{"other", "x"}});
  EXPECT_EQ(fresh.best_val_loss(), std::nullopt);
  extra["early_stop/best_val_loss"] = "1.5x";
  EXPECT_EQ(error_of([&] { fresh.restore(extra); }), "the checkpoint's early_stop/best_val_loss is '1.5x', no number");
}

}  // namespace
}  // namespace transformlet
