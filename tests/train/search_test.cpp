// Beam search against going through everything, and the error rate of what it writes.
#include "train/search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "layers/encoder_decoder.h"
#include "tests/train/storage_tools.h"
#include "train/search_score.h"

namespace transformlet {
namespace {

constexpr int32_t classes = 4;
constexpr int64_t max_length = 3;

class Search : public testing::TestWithParam<int> {
 protected:
  Search() {
    EncoderDecoderOptions options;
    options.encoder = {.num_layers = 1, .num_heads = 2, .d_model = 8, .d_ff = 16};
    options.decoder = options.encoder;
    const auto seed = static_cast<uint64_t>(GetParam());
    model = std::make_unique<EncoderDecoder>(Scope(parameters, seed, DType::float64), options,
                                             ModelSizes{.vocab_size = classes,
                                                        .classes = classes,
                                                        .max_length = max_length + 1,
                                                        .source_vocab_size = 5,
                                                        .source_max_length = 4});
    // Sharper and more different than a model is at the start.
    for (const Parameter& parameter : parameters.list()) {
      Tensor value = parameter.value;
      double* const numbers = overwrite<double>(value);
      for (int64_t i = 0; i < value.size(); ++i) numbers[i] *= 3;
    }
  }

  // Of a whole target, by one pass over all of it.
  double log_probability(const Tokens& source, const std::vector<int32_t>& target) const {
    std::vector<int32_t> ids = {0};
    ids.insert(ids.end(), target.begin(), target.end());
    const auto length = static_cast<int64_t>(ids.size());
    const NoRecording off;
    const Tensor logits = (*model)({.ids = Tokens(std::move(ids), {1, length}), .source = source}, Pass::evaluation());
    const std::vector<double> rows = log_softmax(logits).to_vector();
    double sum = 0;
    for (size_t i = 0; i <= target.size(); ++i)
      sum += rows[i * classes + static_cast<size_t>(i < target.size() ? target[i] : 0)];
    return sum;
  }

  Parameters parameters;
  std::unique_ptr<EncoderDecoder> model;
  const Tokens source{{1, 4, 2, 0}, {1, 4}};
};

std::vector<std::vector<int32_t>> all_targets() {
  std::vector<std::vector<int32_t>> targets = {{}};
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].size() == static_cast<size_t>(max_length)) continue;
    for (int32_t token = 1; token < classes; ++token) {
      targets.push_back(targets[i]);
      targets.back().push_back(token);
    }
  }
  return targets;
}

TEST_P(Search, AWideBeamFindsTheLikeliestOfAllTargets) {
  std::vector<int32_t> best;
  double most = -INFINITY;
  for (const std::vector<int32_t>& target : all_targets()) {
    const double here = log_probability(source, target);
    if (here > most) best = target;
    most = std::max(most, here);
  }
  EXPECT_EQ(search(*model, source, {}, {.beam = 64, .max_length = max_length}).front(), best);
}

TEST_P(Search, ABeamOfOneIsGreedy) {
  std::vector<int32_t> target;
  while (static_cast<int64_t>(target.size()) < max_length) {
    std::vector<int32_t> ids = {0};
    ids.insert(ids.end(), target.begin(), target.end());
    const auto length = static_cast<int64_t>(ids.size());
    const Tensor logits = (*model)({.ids = Tokens(std::move(ids), {1, length}), .source = source}, Pass::evaluation());
    const std::vector<double> next = slice(logits, 1, length - 1, length).to_vector();
    const auto token = static_cast<int32_t>(std::max_element(next.begin(), next.end()) - next.begin());
    if (token == 0) break;
    target.push_back(token);
  }
  EXPECT_EQ(search(*model, source, {}, {.beam = 1, .max_length = max_length}).front(), target);
}

// Sources side by side, of which some end earlier and one is padded, are searched as each by itself.
TEST_P(Search, SourcesDoNotMeet) {
  const Tokens several({1, 4, 2, 0, 3, 3, 1, 1, 2, 4, 3, 0}, {3, 4});
  const SearchOptions options{.beam = 2, .max_length = max_length};
  const auto found = search(*model, several, Mask::padding({4, 2, 3}), options);
  EXPECT_EQ(found[0], search(*model, source, {}, options).front());
  EXPECT_EQ(found[1], search(*model, Tokens({3, 3}, {1, 2}), {}, options).front());
  EXPECT_EQ(found[2], search(*model, Tokens({2, 4, 3}, {1, 3}), {}, options).front());
}

TEST_P(Search, SaysWhatWillNotDo) {
  EXPECT_EQ(error_of([&] { search(*model, source, {}, {.beam = 0, .max_length = 2}); }),
            "search: a beam of 0; at least 1 is needed");
  EXPECT_EQ(error_of([&] { search(*model, source, Mask::causal(), {.max_length = 2}); }),
            "search: of masks on the source, only padding goes with it");
  Tensor gain = model->final_norm ? parameters.list().back().value : model->embedding.weight;
  overwrite<double>(gain)[0] = NAN;
  EXPECT_EQ(error_of([&] { search(*model, source, {}, {.max_length = 2}); }),
            "search: a logit is not finite; the model's weights are no good");
}

INSTANTIATE_TEST_SUITE_P(Seeds, Search, testing::Range(1, 9));

TEST(EditDistance, PublishedExamples) {
  const auto distance = [](const std::string& a, const std::string& b) {
    return edit_distance(std::vector<int32_t>(a.begin(), a.end()), std::vector<int32_t>(b.begin(), b.end()));
  };
  EXPECT_EQ(distance("kitten", "sitting"), 3);
  EXPECT_EQ(distance("Saturday", "Sunday"), 3);
  EXPECT_EQ(distance("intention", "execution"), 5);  // Jurafsky and Martin, figure 2.17, with substitutions at 1
  EXPECT_EQ(distance("", "abc"), 3);
  EXPECT_EQ(distance("abc", ""), 3);
  EXPECT_EQ(distance("", ""), 0);
}

// Writes 1 2 for every source, whatever it is.
struct Parrot : Model {
  Tensor operator()(const ModelInputs& inputs, const Pass&) const override {
    const int64_t rows = inputs.ids.shape()[0], length = inputs.ids.shape()[1];
    std::vector<double> logits(static_cast<size_t>(rows * length * 4), 0.0);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < length; ++i) logits[static_cast<size_t>((row * length + i) * 4 + (i + 1) % 3)] = 9;
    }
    return tensor(logits, {rows, length, 4}, DType::float64);
  }
  Tensor read(const Tokens& source, const Mask&, const Pass&) const override {
    return zeros({source.shape()[0], source.shape()[1], 1}, DType::float64);
  }
  std::vector<NamedLayer> layers() const override { return {}; }
};

// Four examples of three sources; the second has no references of its own.
struct Sources : Task, SourceToTarget {
  void describe(Fields&) override {}
  void prepare(uint64_t) override {}
  ModelSizes sizes() const override { return {.vocab_size = 4, .classes = 4, .max_length = 6}; }
  double data_bytes() const override { return 0; }
  int64_t size(Split) const override { return 4; }
  Batch batch(Split, const std::vector<int64_t>& examples) const override {
    const auto count = static_cast<int64_t>(examples.size());
    return {.inputs = {}, .targets = {}, .source = Tokens(std::vector<int32_t>(examples.size(), 0), {count, 1})};
  }
  const SourceToTarget* source_to_target() const override { return this; }
  int32_t boundary() const override { return 0; }
  std::vector<std::vector<int32_t>> references(Split, int64_t example) const override {
    const std::vector<std::vector<std::vector<int32_t>>> all = {
        {{3, 3, 3}, {1, 2}}, {}, {{1}, {2, 2, 3, 3}}, {{3, 1, 2}}};
    return all[static_cast<size_t>(example)];
  }
  std::vector<int32_t> source_ids(std::string_view) const override { return {}; }
  std::string target_text(const std::vector<int32_t>&) const override { return {}; }
};

// Written is 1 2: right for the first; 1 edit from "1", not 3 from the other; 1 edit from 3 1 2.
TEST(SearchScore, TheNearestReferenceCounts) {
  const SearchScore score = search_score(Parrot(), Sources(), Split::test, {0, 1, 2, 3}, 2, 1);
  EXPECT_EQ(score.sources, 3);
  EXPECT_EQ(score.right, 1);
  EXPECT_EQ(score.edits, 2);
  EXPECT_EQ(score.reference_tokens, 2 + 1 + 3);
  EXPECT_EQ(score.in_words(), "1/3 sources right, token error rate 0.3333");
}

}  // namespace
}  // namespace transformlet
