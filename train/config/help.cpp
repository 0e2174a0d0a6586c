#include "train/config/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "train/config/errors.h"
#include "train/config/writer.h"

namespace transformlet {
namespace {

// A line of help: a key at the left and what there is to say at the right; or a heading, which has no right side.
struct Line {
  std::string left, right;
};

class HelpWriter : public Fields {
 public:
  HelpWriter(std::string path, std::string indent, std::vector<Line>& lines)
      : path_(std::move(path)), indent_(std::move(indent)), lines_(lines) {}

  // The reader explains a broken rule between keys when it meets one.
  void check(const std::function<std::string()>&, std::initializer_list<std::string_view>) override {}

 protected:
  void key(const Key& key) override {
    std::vector<std::string> facts = rules_in_words(key.rules);
    if (key.rules.choices.empty() || !std::holds_alternative<std::string*>(key.value))
      facts.insert(facts.begin(), type_in_words(key.value));
    facts.push_back(key.rules.required ? "required" : "default " + yaml_text(key.value));
    line(key.name, key.help, facts);
  }

  void group(const Group& group) override {
    heading(fmt::format("{}: {}", join_path(path_, group.name), group.help));
    HelpWriter inner(join_path(path_, group.name), indent_, lines_);
    group.describe(inner);
  }

  void list(const MapList& list) override {
    const std::string path = join_path(path_, list.name);
    heading(fmt::format("{}: {} (list of maps; default [])", path, list.help));
    HelpWriter inner(path + "[]", indent_, lines_);
    list.describe_new(inner);
  }

  void variant(const Variant& variant) override {
    const std::string path = join_path(path_, variant.name);
    heading(fmt::format("{}: {}", path, variant.help));
    std::vector<std::string> names;
    for (const Alternative& alternative : variant.alternatives) names.push_back(alternative.name);
    HelpWriter inner(path, indent_, lines_);
    inner.line(variant.discriminator, "decides which other keys there are",
               {fmt::format("one of {}", fmt::join(names, ", ")),
                variant.required ? "required" : "default " + variant.chosen});
    for (const Alternative& alternative : variant.alternatives) {
      HelpWriter deeper(path, indent_ + "  ", lines_);
      deeper.heading(fmt::format("{}.{}={}: {}", path, variant.discriminator, alternative.name, alternative.help));
      alternative.describe(deeper);
    }
  }

 private:
  void heading(const std::string& text) {
    lines_.push_back({"", ""});
    lines_.push_back({indent_ + text, ""});
  }

  void line(const std::string& name, const std::string& help, const std::vector<std::string>& facts) {
    lines_.push_back({indent_ + join_path(path_, name), fmt::format("{} ({})", help, fmt::join(facts, "; "))});
  }

  const std::string path_, indent_;
  std::vector<Line>& lines_;
};

}  // namespace

std::string config_help(const std::function<void(Fields&)>& describe) {
  std::vector<Line> lines;
  HelpWriter writer("", "", lines);
  describe(writer);
  size_t width = 0;
  for (const Line& line : lines)
    if (!line.right.empty()) width = std::max(width, line.left.size());
  std::string text;
  for (const Line& line : lines)
    text += line.right.empty() ? line.left + "\n" : fmt::format("{:{}}  {}\n", line.left, width, line.right);
  return text;
}

}  // namespace transformlet
