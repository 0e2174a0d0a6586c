#include "train/tokenizers/byte_pair_trainer.h"

#include <algorithm>
#include <array>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "train/tokenizers/byte_alphabet.h"
#include "train/tokenizers/pieces.h"

namespace transformlet {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const auto both = static_cast<uint64_t>(pair.first) << 32 | static_cast<uint32_t>(pair.second);
    return (both * 0x9e3779b97f4a7c15u) >> 16;
  }
};

// A piece of the texts: what it is made of so far, and how often it is there.
struct Word {
  std::vector<int32_t> ids;
  int64_t count;
};

class Trainer {
 public:
  Trainer(std::span<const std::string_view> texts, int64_t vocab_size) : vocab_size_(vocab_size) {
    for (const char byte : bytes_in_alphabetical_order()) add_token(std::string(1, byte));
    std::array<int32_t, 256> id_of_byte{};
    for (int32_t id = 0; id < 256; ++id) id_of_byte[static_cast<unsigned char>(result_.tokens[id][0])] = id;

    std::unordered_map<std::string_view, size_t> place_of;
    for (const std::string_view text : texts) {
      cut_into_pieces(text, [&](std::string_view piece) {
        const auto [found, is_new] = place_of.emplace(piece, words_.size());
        if (is_new) words_.push_back({.ids = {}, .count = 0});
        Word& word = words_[found->second];
        ++word.count;
        if (!is_new) return;
        for (const char byte : piece) word.ids.push_back(id_of_byte[static_cast<unsigned char>(byte)]);
      });
    }
    for (size_t place = 0; place < words_.size(); ++place) {
      const Word& word = words_[place];
      for (size_t i = 0; i + 1 < word.ids.size(); ++i) count({word.ids[i], word.ids[i + 1]}, word.count, place);
    }
    for (const auto& [pair, seen] : pairs_) candidates_.emplace(seen.count, -pair.first, -pair.second);
    touched_.clear();
  }

  ByteVocabulary run() {
    while (result_.tokens.size() < vocab_size_ && !candidates_.empty()) {
      const auto [count, left, right] = candidates_.top();
      candidates_.pop();
      const Pair pair{-left, -right};
      const int64_t true_count = pairs_[pair].count;
      if (true_count == count) {
        join(pair);
      } else if (true_count > 0) {  // it has become rarer since it was put there
        candidates_.emplace(true_count, left, right);
      }
    }
    return std::move(result_);
  }

 private:
  struct Seen {
    int64_t count = 0;          // in all texts
    bool joined = false;        // it is in the list of merges
    std::vector<size_t> words;  // that have it, or once had
  };
  using Candidate = std::tuple<int64_t, int32_t, int32_t>;  // the ids negated: the largest candidate is the next one

  int32_t add_token(const std::string& bytes) {
    const auto [found, is_new] = id_of_.emplace(bytes, static_cast<int32_t>(result_.tokens.size()));
    if (is_new) result_.tokens.push_back(bytes);
    return found->second;
  }

  // `times` more (or fewer) of a pair, in a word.
  void count(const Pair& pair, int64_t times, size_t word) {
    Seen& seen = pairs_[pair];
    seen.count += times;
    if (times < 0) return;
    if (seen.words.empty() || seen.words.back() != word) seen.words.push_back(word);
    touched_.push_back(pair);
  }

  void join(const Pair& pair) {
    const auto bytes_of = [&](int32_t id) { return result_.tokens[id]; };
    const int32_t made = add_token(bytes_of(pair.first) + bytes_of(pair.second));
    // Two merges may make the same token, and so bring back a pair that was joined before.
    if (!std::exchange(pairs_[pair].joined, true)) result_.merges.push_back(pair);
    std::vector<size_t> words = std::move(pairs_[pair].words);
    pairs_[pair].words.clear();
    std::ranges::sort(words);
    const auto repeated = std::ranges::unique(words);
    words.erase(repeated.begin(), repeated.end());
    for (const size_t place : words) join_in(place, pair, made);
    // Only now, with their whole counts: a pair that became more frequent stands there with too small a one.
    for (const Pair& more : touched_) {
      if (pairs_[more].count > 0) candidates_.emplace(pairs_[more].count, -more.first, -more.second);
    }
    touched_.clear();
  }

  void join_in(size_t place, const Pair& pair, int32_t made) {
    Word& word = words_[place];
    std::vector<int32_t>& ids = word.ids;
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool joins = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
      if (!joins) {
        ids[kept++] = ids[i];
        continue;
      }
      count(pair, -word.count, place);
      if (kept > 0) {
        count({ids[kept - 1], pair.first}, -word.count, place);
        count({ids[kept - 1], made}, word.count, place);
      }
      if (i + 2 < ids.size()) {
        count({pair.second, ids[i + 2]}, -word.count, place);
        count({made, ids[i + 2]}, word.count, place);
      }
      ids[kept++] = made;
      ++i;
    }
    ids.resize(kept);
  }

  int64_t vocab_size_;
  ByteVocabulary result_;
  std::unordered_map<std::string, int32_t> id_of_;
  std::vector<Word> words_;
  std::unordered_map<Pair, Seen, PairHash> pairs_;
  std::vector<Pair> touched_;  // pairs that became more frequent
  std::priority_queue<Candidate> candidates_;
};

}  // namespace

ByteVocabulary train_byte_pairs(std::span<const std::string_view> texts, int64_t vocab_size) {
  require(vocab_size >= 256, "a vocabulary of {} has no room for the 256 bytes", vocab_size);
  return Trainer(texts, vocab_size).run();
}

}  // namespace transformlet
