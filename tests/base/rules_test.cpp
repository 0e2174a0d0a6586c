#include "base/rules.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "base/fields.h"

namespace transformlet {
namespace {

Rules rules_of(std::initializer_list<Rule> list) {
  Rules rules;
  for (const Rule& rule : list) rule(rules);
  return rules;
}

TEST(Rules, BoundsAreClosedOrOpen) {
  const Rules closed = rules_of({between(0, 1)}), open = rules_of({greater_than(0), less_than(1)});
  EXPECT_EQ(broken_rule(closed, 0.0), "");
  EXPECT_EQ(broken_rule(closed, 1.0), "");
  EXPECT_EQ(broken_rule(closed, 1.5), "must be at most 1, not 1.5");
  EXPECT_EQ(broken_rule(closed, -0.25), "must be at least 0, not -0.25");
  EXPECT_EQ(broken_rule(open, 0.0), "must be greater than 0, not 0");
  EXPECT_EQ(broken_rule(open, 1.0), "must be less than 1, not 1");
  EXPECT_EQ(broken_rule(open, 0.5), "");
  EXPECT_EQ(broken_rule(rules_of({at_least(1)}), int64_t{0}), "must be at least 1, not 0");
}

TEST(Rules, NumbersAreFinite) {
  EXPECT_EQ(broken_rule({}, std::numeric_limits<double>::infinity()), "must be finite, not inf");
  EXPECT_EQ(broken_rule({}, std::numeric_limits<double>::quiet_NaN()), "must be finite, not nan");
}

TEST(Rules, MultiplesNameTheKeyThatTheyDependOn) {
  EXPECT_EQ(broken_rule(rules_of({multiple_of(8)}), int64_t{12}), "must be a multiple of 8, not 12");
  EXPECT_EQ(broken_rule(rules_of({multiple_of(3, "num_heads")}), int64_t{128}),
            "must be a multiple of num_heads (3), not 128");
  EXPECT_EQ(broken_rule(rules_of({multiple_of(3)}), int64_t{-9}), "");
  EXPECT_EQ(broken_rule(rules_of({multiple_of(0)}), int64_t{5}), "");  // no division by zero
  EXPECT_EQ(broken_rule(rules_of({multiple_of(-1)}), std::numeric_limits<int64_t>::min()), "");
}

TEST(Rules, ChoicesSuggestTheNearest) {
  const Rules rules = rules_of({one_of({"pre", "post"})});
  EXPECT_EQ(broken_rule(rules, std::string("post")), "");
  EXPECT_EQ(broken_rule(rules, std::string("psot")), "must be one of pre, post, not 'psot' (did you mean post?)");
  EXPECT_EQ(broken_rule(rules, std::string("xyz")), "must be one of pre, post, not 'xyz'");
}

TEST(DidYouMean, OffersSlipsButNotOtherWords) {
  EXPECT_EQ(did_you_mean("max_step", {"max_steps", "batch_size"}), " (did you mean max_steps?)");
  EXPECT_EQ(did_you_mean("mxa_steps", {"max_steps"}), " (did you mean max_steps?)");
  EXPECT_EQ(did_you_mean("dmodel", {"d_model", "d_ff"}), " (did you mean d_model?)");
  EXPECT_EQ(did_you_mean("colour", {"max_steps", "batch_size"}), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
  EXPECT_EQ(did_you_mean(std::string(1000000, 'a'), {"max_steps"}), "");
}

struct NoVisitor : Fields {
  void check(const std::function<std::string()>&, std::initializer_list<std::string_view>) override {}
  void key(const Key&) override {}
  void group(const Group&) override {}
  void list(const MapList&) override {}
  void variant(const Variant&) override {}
};

TEST(Fields, RefusesRulesThatTheTypeCannotObey) {
  NoVisitor visitor;
  Fields& field = visitor;
  bool flag = false;
  double number = 0;
  EXPECT_THROW(field("flag", flag, "", at_least(1)), Error);
  EXPECT_THROW(field("number", number, "", multiple_of(2)), Error);
  EXPECT_THROW(field("number", number, "", one_of({"a"})), Error);
}

struct Animal {
  virtual ~Animal() = default;
};
struct Cat : Animal {
  static constexpr const char* name = "cat";
  static constexpr const char* help = "purrs";
};
const Registered<Animal, Cat> registered_cat;

TEST(Registry, MakesByNameAndRefusesSecondNames) {
  Choice<Animal> animal;
  EXPECT_EQ(animal.get(), nullptr);
  animal.choose("cat");
  EXPECT_NE(dynamic_cast<Cat*>(animal.get()), nullptr);
  EXPECT_THROW(animal.choose("dog"), Error);
  EXPECT_EQ(animal.name(), "cat");
  EXPECT_THROW((Registered<Animal, Cat>()), Error);
}

}  // namespace
}  // namespace transformlet
