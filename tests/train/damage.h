// Damage to files, each a function of a key: what disks, networks and other people's programs do to them.
#pragma once

#include <cctype>
#include <iterator>
#include <span>
#include <string>

#include "base/random.h"

namespace transformlet {

class Damage {
 public:
  explicit Damage(RandomKey key) : random_(key) {}

  size_t below(size_t limit) { return static_cast<size_t>(random_.below(static_cast<int64_t>(limit))); }

  // One kind of damage, that fits any file.
  std::string to_bytes(std::string bytes) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        return bytes.substr(0, at);
      case 1:
        bytes[at] ^= static_cast<char>(1 << below(8));
        return bytes;
      case 2:  // bytes of no UTF-8: lone, overlong, a surrogate, beyond Unicode, cut short
        return bytes.insert(at, chosen({"\xff", "\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}));
      case 3:
        return bytes.insert(at, 1 + below(3), '\0');
      case 4:
        return bytes.erase(at, 1 + below(20));
      default:
        return bytes.insert(below(bytes.size()), bytes.substr(at, 1 + below(40)));
    }
  }

  // One kind, that fits JSON without blanks.
  std::string to_json(std::string json) {
    switch (below(7)) {
      case 0:
        return to_bytes(json);
      case 1: {  // a number: huge, negative, none at all, or another's
        const size_t begin = begin_after(json, digits, "[:,");
        return replace_value(
            json, begin,
            chosen({"-1", "0", "1", "255", "1.5", "1e3", "1e999", "16777215", "16777216", "2147483647", "2147483648",
                    "4294967296", "4294967551", "9223372036854775808", "18446744073709551616", "true", "\"1\""}));
      }
      case 2: {  // a value of another type
        const size_t begin = begin_after(json, values, ":,[");
        return replace_value(json, begin,
                             chosen({"null", "true", "\"\"", "\"a\"", "[]", "{}", "[[]]", "{\"type\":\"BPE\"}", "-0.5",
                                     "\"\\u0000\"", "\"\\ud800\"", "[\"a\",\"b\",\"c\"]", "{\"a\":1,\"a\":2}"}));
      }
      case 3: {  // something that nests
        const size_t begin = begin_after(json, values, ":,["), depth = size_t{1} << below(17);
        std::string deep;
        const bool objects = below(2) == 0;
        for (size_t i = 0; i < depth; ++i) deep += objects ? "{\"a\":" : "[";
        deep += "0";
        if (below(4) != 0) deep += std::string(depth, objects ? '}' : ']');
        return replace_value(json, begin, deep);
      }
      case 4: {  // two numbers that change places
        size_t first = begin_after(json, digits, ":"), second = begin_after(json, digits, ":");
        if (first > second) std::swap(first, second);
        const std::string one = number_at(json, first), other = number_at(json, second);
        return replace_value(replace_value(json, second, one), first, other);
      }
      case 5:  // harmless
        return json.insert(begin_after(json, values, ":,["), chosen({" ", "\n", "\r\n\t"}));
      default: {  // a member or an element a second time, or at the place of another
        const size_t from = json.find(',', below(json.size())), end = json.find(',', from + 1 + below(80));
        if (from == json.npos || end == json.npos) return json.substr(1);
        const std::string piece = json.substr(from, end - from);
        const size_t to = below(2) == 0 ? from : json.find(',', below(json.size()));
        return json.insert(to == json.npos ? from : to, piece);
      }
    }
  }

  std::string chosen(std::initializer_list<std::string> list) { return *(list.begin() + below(list.size())); }

 private:
  static constexpr const char *digits = "0123456789", *values = "0123456789\"{[tfn";

  static std::string number_at(const std::string& json, size_t begin) {
    return json.substr(begin, json.find_first_not_of(digits, begin) - begin);
  }

  // The place of a byte of one kind that follows one of another, from a random place on.
  size_t begin_after(const std::string& text, const char* kind, const char* before) {
    const size_t start = below(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      const size_t at = (start + i) % text.size();
      const auto is_one_of = [](char c, const char* list) {
        return std::string_view(list).find(c) != std::string::npos;
      };
      if (at > 0 && is_one_of(text[at], kind) && is_one_of(text[at - 1], before)) return at;
    }
    return 0;
  }

  // In the place of the number, the word or the first bracket that begins here.
  static std::string replace_value(std::string json, size_t begin, const std::string& value) {
    size_t end = begin + 1;
    if (json[begin] == '"') {
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      ++end;
    } else if (json[begin] != '{' && json[begin] != '[') {
      while (end < json.size() && (std::isalnum(static_cast<unsigned char>(json[end])) != 0 || json[end] == '.')) ++end;
    }
    return json.replace(begin, end - begin, value);
  }

  RandomStream random_;
};

}  // namespace transformlet
