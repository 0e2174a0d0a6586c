// tokenizer.json, the format of Hugging Face's `tokenizers`: what is written here, that library reads, and gives the
// same ids. All three kinds are models of type BPE there:
//
//   bytes        a vocabulary of 256, no merges; pre_tokenizer and decoder ByteLevel
//   characters   a vocabulary of characters, no merges; no pre_tokenizer, decoder Fuse
//   bpe          a vocabulary and merges; pre_tokenizer ByteLevel without add_prefix_space, decoder ByteLevel
//
// A file that asks for anything else (a normalizer, another model, added tokens that take the white space around them)
// is refused, by the name of what it asks for.
#pragma once

#include <filesystem>

#include "train/tokenizers/byte_pairs.h"
#include "train/tokenizers/tokenizer.h"

namespace transformlet {

// Reads a tokenizer.json; or a folder with one, or with GPT-2's first files, encoder.json and vocab.bpe (in which
// nothing is said of added tokens). A UsageError names the file and what is wrong with it.
std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& path);

// The same of a file's text. An Error says what is wrong with it.
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json);

// For Tokenizer::json.
std::string byte_level_json(const ByteVocabulary& vocabulary);
std::string characters_json(const std::vector<std::string>& characters);

}  // namespace transformlet
