// Files of sequences with labels, in two forms:
//
//   classification   a line for each sequence: label<TAB>text
//   tagging          a line for each token: the token first, its tag last, TABs between them, or spaces if the line has
//                    no TAB; an empty line ends a sentence. As CoNLL-2000 and CoNLL-2003 have it, whose -DOCSTART-
//                    lines are left out.
//
// They are UTF-8. Empty lines among texts, a byte order mark, and carriage returns at the ends of lines are passed
// over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/text_files.h"

namespace transformlet {

enum class LabelForm { classification, tagging };

struct LabelledSequence {
  std::vector<std::string_view> pieces;  // the text; or the tokens of a sentence
  std::vector<std::string_view> labels;  // of each piece
  std::string file;
  int64_t line;  // of the first piece; the others are on the lines after it

  std::string place(size_t piece) const;  // "names.tsv:17"
};

// The sequences in a file, which they point into. An Error names the file and line of what is wrong with it.
std::vector<LabelledSequence> read_labelled(const MappedFile& file, LabelForm form);

}  // namespace transformlet
