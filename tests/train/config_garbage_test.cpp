// Whatever the text is, the reader gives a config that obeys the rules, or a ConfigError: never anything else.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/random.h"
#include "tests/train/config_example.h"
#include "train/config/reader.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

const std::string valid = R"(# a config
seed: 7
label: "a \"quoted\" label"
task: {name: addition, modulus: 113, train_share: 0.3}
optimizer: &o
  name: adam
  betas: [0.9, 0.999]
model: {num_heads: 2, d_model: 64, norm_position: post, dropout: 1.0e-1}
train:
  max_steps: 1000
  warmup_steps: 10
  clip_norm: ~
  tags:
    - first
    - >
      folded text
    - 'single'
  seeds: [1, 2, 3]
)";

// Reads a text; if it is accepted, what was read must survive writing and reading.
bool is_accepted(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    const std::string written = write_config(read_config_text<ExampleConfig>("c.yaml", text, overrides));
    EXPECT_EQ(write_config(read_config_text<ExampleConfig>("c.yaml", written)), written) << text;
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

TEST(ConfigGarbage, TheValidTextIsValid) { EXPECT_TRUE(is_accepted(valid)); }

TEST(ConfigGarbage, RandomBytes) {
  RandomStream random(RandomKey(1) / "bytes");
  for (int i = 0; i < 5000; ++i) {
    std::string text(static_cast<size_t>(random.below(200)), '\0');
    for (char& c : text) c = static_cast<char>(random.below(256));
    is_accepted(text);
  }
}

TEST(ConfigGarbage, RandomPunctuation) {
  const std::string signs = "{}[]:,-?&*!|>'\"%@`#~ \n\t\r<=ab01.";
  RandomStream random(RandomKey(2) / "signs");
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (int64_t k = random.below(60); k > 0; --k)
      text += signs[static_cast<size_t>(random.below(static_cast<int64_t>(signs.size())))];
    is_accepted(text);
    is_accepted(smallest_example, {"model=" + text});
    is_accepted(smallest_example, {text});
  }
}

// A few random cuts, copies, and changed bytes.
std::string mutated(RandomStream& random) {
  std::string text = valid;
  const auto position = [&] { return static_cast<size_t>(random.below(static_cast<int64_t>(text.size()) + 1)); };
  for (int64_t edits = random.below(4) + 1; edits > 0; --edits) {
    const size_t at = position();
    switch (random.below(4)) {
      case 0:
        text.erase(at, static_cast<size_t>(random.below(20)));
        break;
      case 1:
        text.insert(at, text.substr(position(), static_cast<size_t>(random.below(40))));
        break;
      case 2:
        text.insert(at, 1, "{}[]:,-?&*!|>'\"%#~ \n\t"[random.below(21)]);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.below(128));
    }
  }
  return text;
}

TEST(ConfigGarbage, MutationsOfAValidText) {
  RandomStream random(RandomKey(3) / "mutations");
  int accepted = 0;
  for (int i = 0; i < 10000; ++i) accepted += is_accepted(mutated(random));
  // Both things happen often, or the test would show nothing.
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 9000);
}

// Long texts that repeat something must not take long, however strange.
TEST(ConfigGarbage, LargeTextsAreReadInTime) {
  for (const std::string piece :
       {"[",     "{",  "- ",   "? ",    ": ",   "a: ",  "a:\n", "!",    "&a ",  "*a ",  "\"", "'",
        "|\n",   "[]", "{}",   ",",     "[a: ", "{a: ", "#",    "\n",   " ",    "\t",   "%",  "---\n",
        "...\n", "a",  "a b ", "- a\n", "[a, ", "{? ",  "!<",   "&a [", "\"\\", "? - ", "-\n"})
    for (const std::string start : {"", "train: {", "train: \"", "label: |\n "}) {
      std::string text = start;
      while (text.size() < 100000) text += piece;
      const auto begin = std::chrono::steady_clock::now();
      is_accepted(text);
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
      EXPECT_LT(time.count(), 5) << start << piece;  // quadratic time would be minutes; it takes 10 to 50 ms
    }
}

TEST(ConfigGarbage, ManyKeysAreReadInTime) {
  std::string text = smallest_example;
  for (int i = 0; text.size() < 1000000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  EXPECT_FALSE(is_accepted(text));
}

}  // namespace
}  // namespace transformlet
