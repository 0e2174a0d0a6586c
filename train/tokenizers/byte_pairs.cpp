#include "train/tokenizers/byte_pairs.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "train/config/errors.h"
#include "train/tokenizers/byte_alphabet.h"
#include "train/tokenizers/pieces.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

using Pair = std::pair<int32_t, int32_t>;

uint64_t key_of(const Pair& pair) {
  return static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 | static_cast<uint32_t>(pair.second);
}

std::string shown_bytes(const std::string& token) { return shown(to_byte_alphabet(token)); }

struct Merge {
  Pair pair;
  int32_t made;
};

// Joins the tokens of one piece. The work grows as n log n, also where a piece is a megabyte of blanks.
class Joiner {
 public:
  Joiner(const std::vector<Merge>& merges, const std::unordered_map<uint64_t, int32_t>& ranks)
      : merges_(merges), ranks_(ranks) {}

  void start() { links_.clear(); }
  void add(int32_t id) {
    const auto place = static_cast<int64_t>(links_.size());
    links_.push_back({.id = id, .before = place - 1, .after = place + 1});
  }

  template <class Sink>
  void finish(const Sink& sink) {
    size_ = static_cast<int64_t>(links_.size());
    for (int64_t place = 0; place + 1 < size_; ++place) offer(place);
    while (!candidates_.empty()) {
      const auto [rank, place] = candidates_.top();
      candidates_.pop();
      const Merge& merge = merges_[static_cast<size_t>(rank)];
      Link& left = link(place);
      // What was offered may have been joined with something else since then.
      if (left.id != merge.pair.first || left.after >= size_ || link(left.after).id != merge.pair.second) continue;
      Link& right = link(left.after);
      left.id = merge.made;
      left.after = right.after;
      right.id = -1;
      if (left.after < size_) link(left.after).before = place;
      offer(place);
      if (left.before >= 0) offer(left.before);
    }
    for (int64_t place = 0; place < size_; place = link(place).after) sink(link(place).id);
  }

 private:
  struct Link {
    int32_t id;  // -1: joined to the one before
    int64_t before, after;
  };
  using Candidate = std::pair<int32_t, int64_t>;  // rank and place: of equal ranks the leftmost comes first

  Link& link(int64_t place) { return links_[static_cast<size_t>(place)]; }

  void offer(int64_t place) {
    const int64_t after = link(place).after;
    if (after >= size_) return;
    const auto found = ranks_.find(key_of({link(place).id, link(after).id}));
    if (found != ranks_.end()) candidates_.emplace(found->second, place);
  }

  const std::vector<Merge>& merges_;
  const std::unordered_map<uint64_t, int32_t>& ranks_;
  std::vector<Link> links_;
  int64_t size_ = 0;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
};

class BytePairs : public Tokenizer {
 public:
  explicit BytePairs(ByteVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
    const auto id_of = index_tokens();
    for (size_t byte = 0; byte < first_.size(); ++byte) {
      const auto found = id_of.find(std::string(1, static_cast<char>(byte)));
      require(found != id_of.end(), "no token stands for the byte 0x{:02x} ('{}')", byte,
              to_byte_alphabet(std::string(1, static_cast<char>(byte))));
      first_[byte] = found->second;
    }
    for (const Pair& pair : vocabulary_.merges) {
      const std::string &left = token(pair.first), &right = token(pair.second);
      const auto made = id_of.find(left + right);
      require(made != id_of.end(), "the merge '{} {}' makes no token", shown_bytes(left), shown_bytes(right));
      const bool is_new = ranks_.emplace(key_of(pair), static_cast<int32_t>(merges_.size())).second;
      require(is_new, "the merge '{} {}' stands there twice", shown_bytes(left), shown_bytes(right));
      merges_.push_back({pair, made->second});
    }
  }

  const char* kind() const override { return "bpe"; }
  int64_t vocab_size() const override { return vocabulary_.tokens.size(); }
  std::string_view bytes(int32_t id) const override { return token(id); }

  void encode(std::string_view text, const Sink& sink, int64_t*) const override {
    // Where each added token is found next. One that is rare is not searched for again at every other.
    std::vector<size_t> next(vocabulary_.added.size(), 0);
    for (size_t begin = 0; begin <= text.size();) {
      size_t end = text.size();
      const AddedToken* first = nullptr;  // of those that start at the same place, the longest
      for (size_t i = 0; i < next.size(); ++i) {
        const AddedToken& added = vocabulary_.added[i];
        if (next[i] < begin || begin == 0) next[i] = text.find(added.content, begin);
        if (next[i] == text.npos || next[i] > end) continue;
        if (first != nullptr && next[i] == end && added.content.size() < first->content.size()) continue;
        end = next[i];
        first = &added;
      }
      encode_pieces(text.substr(begin, end - begin), sink);
      if (first == nullptr) return;
      sink(first->id);
      begin = end + first->content.size();
    }
  }

  std::string json() const override { return byte_level_json(vocabulary_); }

 private:
  // A text of a few megabytes has some 10,000 different pieces; a long one may have any number of them.
  static constexpr size_t most_remembered = 1 << 20;

  const std::string& token(int32_t id) const { return vocabulary_.tokens[id]; }

  // The id of each token's bytes. What is added is found in texts, but not made by merges.
  std::unordered_map<std::string, int32_t> index_tokens() const {
    std::unordered_set<int32_t> added;
    std::unordered_set<std::string_view> contents;
    for (const AddedToken& one : vocabulary_.added) {
      added.insert(one.id);
      require(contents.insert(one.content).second, "the added token '{}' stands there twice", shown(one.content));
    }
    std::unordered_map<std::string, int32_t> id_of;
    for (const int32_t id : vocabulary_.tokens.ids()) {
      if (added.contains(id)) continue;
      require(id_of.emplace(token(id), id).second, "the token '{}' stands there twice", shown_bytes(token(id)));
    }
    return id_of;
  }

  void encode_pieces(std::string_view text, const Sink& sink) const {
    struct Range {
      size_t begin, size;
    };
    std::unordered_map<std::string_view, Range> remembered;
    std::vector<int32_t> ids;  // of what is remembered, one piece after the other
    Joiner joiner(merges_, ranks_);
    cut_into_pieces(text, [&](std::string_view piece) {
      if (const auto found = remembered.find(piece); found != remembered.end()) {
        const auto [begin, size] = found->second;
        for (size_t i = begin; i < begin + size; ++i) sink(ids[i]);
        return;
      }
      joiner.start();
      for (const char byte : piece) joiner.add(first_[static_cast<unsigned char>(byte)]);
      const bool remember = remembered.size() < most_remembered;
      const size_t begin = ids.size();
      joiner.finish([&](int32_t id) {
        if (remember) ids.push_back(id);
        sink(id);
      });
      if (remember) remembered.emplace(piece, Range{begin, ids.size() - begin});
    });
  }

  ByteVocabulary vocabulary_;
  std::array<int32_t, 256> first_{};  // the token of each byte
  std::vector<Merge> merges_;         // by rank
  std::unordered_map<uint64_t, int32_t> ranks_;
};

}  // namespace

std::unique_ptr<Tokenizer> byte_pair_tokenizer(ByteVocabulary vocabulary) {
  return std::make_unique<BytePairs>(std::move(vocabulary));
}

}  // namespace transformlet
