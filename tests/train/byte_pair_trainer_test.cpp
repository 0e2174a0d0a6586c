// Learning byte pair encodings: against the definition, carried out word for word, and against Hugging Face's trainer.
#include "train/tokenizers/byte_pair_trainer.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "tests/train/tokenizer_tools.h"
#include "train/tokenizers/byte_alphabet.h"
#include "train/tokenizers/pieces.h"

namespace transformlet {
namespace {

using Pair = std::pair<int32_t, int32_t>;
using Merges = std::vector<Pair>;

// Counts all pairs anew for each merge.
ByteVocabulary learned_naively(const std::vector<std::string_view>& texts, int64_t vocab_size) {
  ByteVocabulary result;
  std::map<std::string, int32_t> id_of;
  const auto add = [&](const std::string& bytes) {
    const auto [found, is_new] = id_of.emplace(bytes, static_cast<int32_t>(result.tokens.size()));
    if (is_new) result.tokens.push_back(bytes);
    return found->second;
  };
  for (const char byte : bytes_in_alphabetical_order()) add(std::string(1, byte));
  std::vector<std::vector<int32_t>> words;
  for (const std::string_view text : texts) {
    cut_into_pieces(text, [&](std::string_view piece) {
      words.emplace_back();
      for (const char byte : piece) words.back().push_back(id_of.at(std::string(1, byte)));
    });
  }
  while (result.tokens.size() < vocab_size) {
    std::map<Pair, int64_t> counts;  // in the order of ids: the first of the most frequent is the one
    for (const auto& word : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    }
    Pair best;
    int64_t most = 0;
    for (const auto& [pair, count] : counts) {
      if (count > most) best = pair, most = count;
    }
    if (most == 0) break;
    const int32_t made = add(result.tokens[best.first] + result.tokens[best.second]);
    if (std::ranges::count(result.merges, best) == 0) result.merges.push_back(best);
    for (auto& word : words) {
      std::vector<int32_t> joined;
      for (size_t i = 0; i < word.size(); ++i) {
        const bool joins = i + 1 < word.size() && Pair(word[i], word[i + 1]) == best;
        joined.push_back(joins ? made : word[i]);
        if (joins) ++i;
      }
      word = joined;
    }
  }
  return result;
}

TEST(BytePairTrainer, DoesWhatTheDefinitionSays) {
  RandomStream random(RandomKey(3) / "texts");
  for (int example = 0; example < 60; ++example) {
    // Few letters: runs of one letter, ties, and tokens that two merges make are frequent.
    const int64_t letters = 1 + random.below(4);
    std::vector<std::string> texts(static_cast<size_t>(1 + random.below(3)));
    for (std::string& text : texts) {
      const int64_t length = random.below(200);
      for (int64_t i = 0; i < length; ++i)
        text += random.below(6) == 0 ? ' ' : static_cast<char>((example % 5 == 0 ? 0xf0 : 'a') + random.below(letters));
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const size_t vocab_size = 256 + static_cast<size_t>(random.below(60));
    const ByteVocabulary expected = learned_naively(views, vocab_size);
    const ByteVocabulary learned = train_byte_pairs(views, vocab_size);
    EXPECT_EQ(learned.tokens, expected.tokens) << example;
    EXPECT_EQ(learned.merges, expected.merges) << example;

    // The text as the trainer has left it is the text as the tokenizer encodes it: nothing could be joined that is not.
    const auto tokenizer = byte_pair_tokenizer(learned);
    for (const std::string& text : texts) EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(BytePairTrainer, DoesWhatHuggingFaceDoes) {
  const nlohmann::json recorded = golden_json("tokenizers.json").at("trained");
  EXPECT_EQ(recorded.size(), 5u);
  for (const nlohmann::json& entry : recorded) {
    const auto text = entry.at("text").get<std::string>();
    const std::string_view view = text;
    const ByteVocabulary learned = train_byte_pairs(std::span(&view, 1), entry.at("vocab_size").get<int64_t>());
    std::vector<std::string> merges;
    for (const auto& [left, right] : learned.merges) {
      merges.push_back(to_byte_alphabet(learned.tokens[left]) + " " + to_byte_alphabet(learned.tokens[right]));
    }
    EXPECT_EQ(merges, entry.at("merges").get<std::vector<std::string>>()) << entry.at("name");
  }
}

TEST(BytePairTrainer, NeedsRoomForTheBytes) {
  EXPECT_EQ(train_byte_pairs({}, 256).tokens.size(), 256);
  EXPECT_EQ(error_of([] { train_byte_pairs({}, 255); }), "a vocabulary of 255 has no room for the 256 bytes");
}

}  // namespace
}  // namespace transformlet
