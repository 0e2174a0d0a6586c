// What is said of labelled files that won't do: always with file and line.
#include <gtest/gtest.h>

#include "tests/train/labelled_tools.h"
#include "train/tokenizers/tokenizer.h"

namespace transformlet {
namespace {

const std::string no_splits = ", val_fraction: 0, test_fraction: 0";

TEST_F(LabelledTask, SaysWhatIsWrongWithTexts) {
  const auto says = [&](const std::string& text) { return refusal(file("a", text) + no_splits); };
  EXPECT_EQ(says(""), "task.path: a: the file is empty");
  EXPECT_EQ(says("\n\r\n\n"), "task.path: a: there is no text in it");
  EXPECT_EQ(says("x\ta\nb c\n"), "task.path: a:2: there is no TAB; a line is label<TAB>text");
  EXPECT_EQ(says("x\ta\n \n"), "task.path: a:2: there is no TAB; a line is label<TAB>text");
  EXPECT_EQ(says("x\ta\n\ty\n"), "task.path: a:2: the label is empty");
  EXPECT_EQ(says("x\ta\n \ty\n"), "task.path: a:2: the label is empty");
  EXPECT_EQ(says("x\ta\ny\t\n"), "task.path: a:2: the text is empty");
  EXPECT_EQ(says("x\ta\ny\t \r\n"), "task.path: a:2: the text is empty");
  EXPECT_EQ(says("x\ta\n1\ty\tb\n"), "task.path: a:2: there is more than one TAB; a line is label<TAB>text");
  EXPECT_EQ(says("x\ta\n\ny\tM\xfcnchen"), "task.path: a:3:4: byte 0xfc is not UTF-8 text");
  EXPECT_EQ(says("x\ta\nx\tb\n"), "task.path: a: every training example has the label 'x': there is nothing to learn");
  EXPECT_EQ(says("x\ta\ny\tb\n"), "no error");
}

TEST_F(LabelledTask, SaysWhatIsWrongWithTags) {
  const auto says = [&](const std::string& text) { return refusal(file("a", text) + no_splits + ", form: tagging"); };
  EXPECT_EQ(says(""), "task.path: a: the file is empty");
  EXPECT_EQ(says(" \n\t\n-DOCSTART- O\n"), "task.path: a: there is no sentence in it");
  EXPECT_EQ(says("a X\nb Y\n\nc\n"), "task.path: a:4: there is one column; a line is a token and its tag");
  EXPECT_EQ(says("a X\n  b  \n"), "task.path: a:2: there is one column; a line is a token and its tag");
  EXPECT_EQ(says("a\tX\n\tY\n"), "task.path: a:2: the first column, the token, is empty");
  EXPECT_EQ(says("a\tX\nb\tY\t\n"), "task.path: a:2: the last column, the tag, is empty");
  EXPECT_EQ(says("a X\nb X\n"), "task.path: a: every training example has the label 'X': there is nothing to learn");
  EXPECT_EQ(says("a\tX\nb\xff\tY\n"), "task.path: a:2:2: byte 0xff is not UTF-8 text");
  EXPECT_EQ(says("# sent_id = 1\n1\tThe\tthe\tDET\n"),
            "task.path: a:1: this is CoNLL-U, which has numbers before its tokens; cut two columns out: "
            "grep -v '^#' FILE | cut -f2,4");
  EXPECT_EQ(says("# X\n= Y\n"), "no error") << "signs are tokens, too";
  EXPECT_EQ(refusal(file("a", "a X\nb Y\n") + no_splits + ", form: tagging, tokenizer: characters"),
            "task.tokenizer: must be words where form is tagging: its tokens are those of the file");
}

TEST_F(LabelledTask, SaysWhatIsWrongWithSplits) {
  const std::string train = file("train", "x\ta\ny\tb\n");
  EXPECT_EQ(refusal("form: tagging"), "task.path: required key is missing");
  EXPECT_EQ(refusal(train + ", form: tags"), "task.form: must be one of classification, tagging, not 'tags'");
  EXPECT_EQ(refusal(train + ", val_fraction: 0.5, test_fraction: 0.5"),
            "task.val_fraction: with test_fraction leaves nothing to train on");
  EXPECT_EQ(refusal(train + ", val_fraction: 1.0e-9, test_fraction: 0"),
            "task.val_fraction: train: of its 2 examples none falls into the val split");
  EXPECT_EQ(refusal(train + ", val_fraction: 0, test_fraction: 1.0e-9"),
            "task.val_fraction: train: of its 2 examples none falls into the test split");
  EXPECT_EQ(refusal(train + ", val_fraction: 0.999999999, test_fraction: 0"),
            "task.val_fraction: train: of its 2 examples none falls into the train split");
  EXPECT_EQ(refusal(train + ", val_path: /nowhere"), "task.val_path: /nowhere: there is no such file");
  EXPECT_EQ(refusal(train + ", " + file("test", "x\ta\ny\n", "test_path")),
            "task.test_path: test:2: there is no TAB; a line is label<TAB>text");
  EXPECT_EQ(refusal(train + ", " + file("val", "x\ta\n\nz\tb\n", "val_path") + ", test_fraction: 0"),
            "task.path: val:3: no training example has the label 'z'");
  EXPECT_EQ(refusal(file("tags", "a X\nb Y\n") + ", form: tagging, test_fraction: 0, " +
                    file("val", "a X\n\na X\nb Z\n", "val_path")),
            "task.path: val:4: no training example has the label 'Z'");
  EXPECT_EQ(refusal(file("one", "a X\nb Y\n") + ", form: tagging"),
            "task.val_fraction: one: of its 1 examples none falls into the train split");
  EXPECT_EQ(refusal(train + no_splits), "no error");
}

TEST_F(LabelledTask, SaysWhichTextIsTooLong) {
  const std::string texts = file("a", "x\ta\ny\ta b c\nx\ta b c d e\n") + no_splits;
  EXPECT_EQ(refusal(texts + ", seq_len: 2"),
            "task.seq_len: a:2: here are 3 words, more than 2; the longest is of 5 (a:3)");
  EXPECT_EQ(refusal(texts + ", seq_len: 8, tokenizer: characters"),
            "task.seq_len: a:3: here are 9 characters, more than 8; the longest is of 9 (a:3)");
  EXPECT_EQ(refusal(texts + ", seq_len: 8, tokenizer: bytes"),
            "task.seq_len: a:3: here are 9 tokens, more than 8; the longest is of 9 (a:3)");
  EXPECT_EQ(refusal(texts + ", seq_len: 5"), "no error");
  EXPECT_EQ(refusal(file("val", "x\ta b c d e f\n", "val_path") + ", " + texts + ", seq_len: 5"),
            "task.seq_len: val:1: here are 6 words, more than 5; the longest is of 6 (val:1)");
  EXPECT_EQ(refusal(file("tags", "a X\n\nb Y\nc Y\n") + no_splits + ", form: tagging, seq_len: 1"),
            "task.seq_len: tags:3: here are 2 words, more than 1; the longest is of 2 (tags:3)");
}

TEST_F(LabelledTask, SaysWhatATokenizerCannotTake) {
  const std::string_view letters = "ab";
  write_bytes(folder.path / "t.json", characters_tokenizer(std::span(&letters, 1))->json());
  const std::string tokenizer = ", tokenizer: " + (folder.path / "t.json").string();
  EXPECT_EQ(refusal(file("a", "x\tab\ny\taé\n") + no_splits + tokenizer),
            "task.path: a:2: the tokenizer does not know the character 'é' (U+00E9)");
  write_bytes(folder.path / "t.json", "{}");
  EXPECT_EQ(refusal(file("a", "x\tab\ny\taé\n") + no_splits + tokenizer), "task.tokenizer: t.json: model is no object");
  EXPECT_EQ(refusal(file("a", "x\tab\ny\tb\n") + no_splits + ", tokenizer: word"),
            "task.tokenizer: 'word' is none of words, characters and bytes, nor is there such a file (did you mean "
            "words?)");
}

}  // namespace
}  // namespace transformlet
