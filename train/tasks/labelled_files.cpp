#include "train/tasks/labelled_files.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace transformlet {
namespace {

void require_utf8(const MappedFile& file) {
  const std::string_view text = file.text();
  const size_t at = utf8_prefix(text);
  if (at == text.size()) return;
  fail("{}:{}: byte 0x{:02x} is not UTF-8 text", file.path().string(), line_and_column(text, at),
       static_cast<unsigned char>(text[at]));
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t") == text.npos; }

struct TokenAndTag {
  std::string_view token, tag;
};

TokenAndTag columns_of(std::string_view line) {
  if (line.find('\t') != line.npos) {
    const size_t first = line.find('\t'), last = line.rfind('\t');
    require(!is_blank(line.substr(0, first)), "the first column, the token, is empty");
    require(!is_blank(line.substr(last)), "the last column, the tag, is empty");
    return {line.substr(0, first), line.substr(last + 1)};
  }
  const size_t begin = line.find_first_not_of(' '), end = line.find_last_not_of(' ') + 1;
  line = line.substr(begin, end - begin);
  const size_t first = line.find(' '), last = line.rfind(' ');
  require(first != line.npos, "there is one column; a line is a token and its tag");
  return {line.substr(0, first), line.substr(last + 1)};
}

class Reader {
 public:
  Reader(const MappedFile& file, LabelForm form) : file_(file), form_(form) {}

  std::vector<LabelledSequence> read() {
    require_utf8(file_);
    for_each_line(file_, [&](std::string_view line, int64_t number) {
      if (form_ == LabelForm::classification) {
        read_text(line, number);
      } else {
        read_token(line, number);
      }
    });
    require(!sequences_.empty(), "{}: there is no {} in it", file_.path().string(),
            form_ == LabelForm::classification ? "text" : "sentence");
    return std::move(sequences_);
  }

 private:
  void read_text(std::string_view line, int64_t number) {
    if (line.empty()) return;
    const size_t tab = line.find('\t');
    require(tab != line.npos, "there is no TAB; a line is label<TAB>text");
    const std::string_view label = line.substr(0, tab), text = line.substr(tab + 1);
    require(!is_blank(label), "the label is empty");
    require(!is_blank(text), "the text is empty");
    require(text.find('\t') == text.npos, "there is more than one TAB; a line is label<TAB>text");
    add(text, label, number, true);
  }

  void read_token(std::string_view line, int64_t number) {
    // Their comments would be read as tokens, and the numbers before their tokens, too.
    require(!line.starts_with("# ") || line.find(" = ") == line.npos,
            "this is CoNLL-U, which has numbers before its tokens; cut two columns out: grep -v '^#' FILE | cut -f2,4");
    const bool between = is_blank(line) || line.starts_with("-DOCSTART-");
    if (!between) {
      const TokenAndTag columns = columns_of(line);
      add(columns.token, columns.tag, number, is_between_);
    }
    is_between_ = between;
  }

  void add(std::string_view piece, std::string_view label, int64_t number, bool begins) {
    if (begins) sequences_.push_back({.pieces = {}, .labels = {}, .file = file_.path().string(), .line = number});
    sequences_.back().pieces.push_back(piece);
    sequences_.back().labels.push_back(label);
  }

  const MappedFile& file_;
  LabelForm form_;
  bool is_between_ = true;  // sentences
  std::vector<LabelledSequence> sequences_;
};

}  // namespace

std::string LabelledSequence::place(size_t piece) const {
  return fmt::format("{}:{}", file, line + static_cast<int64_t>(piece));
}

std::vector<LabelledSequence> read_labelled(const MappedFile& file, LabelForm form) {
  return Reader(file, form).read();
}

}  // namespace transformlet
