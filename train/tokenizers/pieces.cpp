#include "train/tokenizers/pieces.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>

#include "base/error.h"
#include "base/utf8.h"

namespace transformlet {
namespace {

// The pattern of OpenAI's encoder.py (Radford et al. 2019). Its \s and \S are Unicode's property White_Space, in which
// libraries differ: PCRE2's \s also has U+180E.
constexpr std::string_view pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+)"
                                     R"(|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+)";

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

[[noreturn]] void fail_in_pcre2(int code) {
  char message[256] = {};
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
  fail("PCRE2: {}", message);
}

PCRE2_SPTR characters_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

// Compiled once; matching only reads it, so threads may share it.
const pcre2_code* compiled_pattern() {
  static const std::unique_ptr<pcre2_code, Free> code = [] {
    int error = 0;
    PCRE2_SIZE place = 0;
    std::unique_ptr<pcre2_code, Free> compiled(
        pcre2_compile(characters_of(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP, &error, &place, nullptr));
    if (!compiled) fail_in_pcre2(error);
    pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);  // where that is not to be had, it is merely slower
    return compiled;
  }();
  return code.get();
}

}  // namespace

void cut_into_pieces(std::string_view text, const std::function<void(std::string_view)>& sink) {
  const pcre2_code* const code = compiled_pattern();
  const std::unique_ptr<pcre2_match_data, Free> match(pcre2_match_data_create_from_pattern(code, nullptr));
  require(match != nullptr, "PCRE2: out of memory");
  const PCRE2_SIZE* const range = pcre2_get_ovector_pointer(match.get());
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, utf8_prefix(text));
    for (size_t at = 0; at < valid.size(); at = range[1]) {
      // The text was checked above: to check it again at each piece would take quadratic time.
      const int result = pcre2_match(code, characters_of(valid), valid.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED,
                                     match.get(), nullptr);
      if (result < 0) fail_in_pcre2(result);
      sink(valid.substr(at, range[1] - at));
    }
    text.remove_prefix(valid.size());
    size_t wrong = 0;
    while (wrong < text.size() && utf8_length(text, wrong) == 0) ++wrong;
    if (wrong > 0) sink(text.substr(0, wrong));
    text.remove_prefix(wrong);
  }
}

}  // namespace transformlet
