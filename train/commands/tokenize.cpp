#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/utf8.h"
#include "train/commands/commands.h"
#include "train/config/errors.h"
#include "train/durable_file.h"
#include "train/text_files.h"
#include "train/tokenizers/byte_pair_trainer.h"
#include "train/tokenizers/tokenizer_file.h"

namespace transformlet {
namespace {

std::unique_ptr<Tokenizer> tokenizer_named(const std::string& name) {
  return name == "bytes" ? bytes_tokenizer() : read_tokenizer(name);
}

// A file's text; without a file, that of standard input.
std::string input_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw UsageError(fmt::format("{}: it is a folder", path));
  std::ifstream file;
  if (!path.empty()) file.open(path, std::ios::binary);
  std::istream& stream = path.empty() ? std::cin : file;
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (stream.fail()) throw UsageError(fmt::format("{}: the file cannot be read", path));
  return text;
}

int32_t id_of(const std::string& word) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw UsageError(fmt::format("tokenize decode: '{}' is no id of a token", shown(word)));
  }
  return id;
}

}  // namespace

int tokenize_train_command(const TokenizeTrainArguments& arguments) {
  const std::vector<MappedFile> files = map_text_files(arguments.path);
  std::vector<std::string_view> texts;
  for (const MappedFile& file : files) texts.push_back(file.text());
  const auto tokenizer = byte_pair_tokenizer(train_byte_pairs(texts, arguments.vocab_size));
  replace_file(arguments.output, tokenizer->json());
  int64_t bytes = 0, tokens = 0;
  for (const std::string_view text : texts) {
    bytes += static_cast<int64_t>(text.size());
    tokenizer->encode(text, [&](int32_t) { ++tokens; });
  }
  std::cout << fmt::format("{}: {} tokens; the {} bytes are {} of them, {:.3g} bytes each\n", arguments.output,
                           tokenizer->vocab_size(), bytes, tokens,
                           static_cast<double>(bytes) / static_cast<double>(tokens));
  if (tokenizer->vocab_size() < arguments.vocab_size) {
    std::cerr << fmt::format("warning: the text has no more than {} different tokens\n", tokenizer->vocab_size());
  }
  return 0;
}

int tokenize_encode_command(const TokenizeArguments& arguments) {
  const auto tokenizer = tokenizer_named(arguments.tokenizer);
  const std::string text = input_text(arguments.path);
  int64_t unknown = 0;
  std::string line;
  const auto add = [&](int32_t id) { line += fmt::format("{}{}", line.empty() ? "" : " ", id); };
  try {
    tokenizer->encode(text, add, arguments.skip_unknown ? &unknown : nullptr);
  } catch (const EncodingError& error) {
    throw UsageError(fmt::format("{}:{}: {}", arguments.path.empty() ? "standard input" : arguments.path,
                                 line_and_column(text, error.at), error.what()));
  }
  std::cout << line << '\n';
  if (unknown > 0) std::cerr << fmt::format("warning: {} characters are unknown, and were left out\n", unknown);
  return 0;
}

int tokenize_decode_command(const TokenizeArguments& arguments) {
  const auto tokenizer = tokenizer_named(arguments.tokenizer);
  const std::string text = input_text(arguments.path);
  std::vector<int32_t> ids;
  constexpr const char* space = " \t\r\n";
  for (size_t begin = text.find_first_not_of(space); begin != text.npos;) {
    const size_t end = std::min(text.find_first_of(space, begin), text.size());
    ids.push_back(id_of(text.substr(begin, end - begin)));
    begin = text.find_first_not_of(space, end);
  }
  try {
    std::cout << tokenizer->decode(ids);
  } catch (const Error& error) {
    throw UsageError(fmt::format("tokenize decode: {}", error.what()));
  }
  return 0;
}

}  // namespace transformlet
