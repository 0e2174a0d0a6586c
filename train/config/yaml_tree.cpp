#include "train/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"

namespace transformlet {
namespace {

constexpr size_t deepest = 32;

// Thrown where reading cannot go on.
struct Stop {
  Place place;
  std::string path, message;
};

// Builds the tree from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(int source, std::string path, ConfigErrors& errors)
      : source_(source), path_(std::move(path)), errors_(errors) {}

  YamlPointer root() const { return root_; }

  // What a syntax error means. yaml-cpp places those that tell of a missing end far from where that should have been.
  Stop explain(const YAML::Exception& error) const {
    namespace Message = YAML::ErrorMsg;
    if (!frames_.empty() && (error.msg == Message::END_OF_SEQ_FLOW || error.msg == Message::END_OF_MAP_FLOW))
      return {frames_.back().node->place, path_of(frames_.size() - 1),
              "not YAML: what starts here is not closed, or lacks a comma"};
    if (!frames_.empty() && frames_.back().has_key && error.msg == Message::EOF_IN_SCALAR)
      return {frames_.back().key_place, here(), "not YAML: a quote is not closed"};
    return {place(error.mark), path_, "not YAML: " + error.msg};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw Stop{place(mark), path_, "a second document starts here; a config is one (is the indentation right?)"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto null = node(YamlNode::Kind::null, mark);
    // A value that is left out has no place of its own: yaml-cpp gives that of whatever comes next.
    if (!frames_.empty() && frames_.back().has_key) null->place = frames_.back().key_place;
    finish(std::move(null), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    auto scalar = node(YamlNode::Kind::scalar, mark);
    scalar->text = text;
    scalar->quoted = tag == "!";  // yaml-cpp's own tags: "!" for a quoted scalar, "?" for a plain one
    refuse_tag(mark, tag);
    finish(std::move(scalar), anchor);
  }

  // An alias to a node that is not finished stands inside that node: it would make a tree without end.
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Stop{place(mark), here(), "an alias cannot stand inside what it stands for"};
    add(found->second, place(mark));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  // A list or map that is being built. In a map, keys and values come in turn.
  struct Frame {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    bool has_key = false, key_is_good = false;
    std::string key;
    Place key_place;
    std::unordered_map<std::string, Place> seen;
  };

  Place place(const YAML::Mark& mark) const {
    return mark.is_null() ? Place{source_, 1, 1} : Place{source_, mark.line + 1, mark.column + 1};
  }

  std::shared_ptr<YamlNode> node(YamlNode::Kind kind, const YAML::Mark& mark) const {
    auto made = std::make_shared<YamlNode>();
    made->kind = kind;
    made->place = place(mark);
    return made;
  }

  // The path of the value that comes next, or of the list or map at a depth.
  std::string here() const { return path_of(frames_.size()); }

  std::string path_of(size_t depth) const {
    std::string path = path_;
    for (size_t i = 0; i < depth; ++i) {
      const Frame& frame = frames_[i];
      if (frame.node->kind == YamlNode::Kind::list)
        path += fmt::format("[{}]", frame.node->items.size());
      else if (frame.has_key)
        path = join_path(path, frame.key);
    }
    return path;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      errors_.add(place(mark), here(), fmt::format("tags such as {} are not allowed", shown(tag)));
  }

  void start(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (frames_.size() == deepest) throw Stop{place(mark), path_, fmt::format("nested more than {} deep", deepest)};
    frames_.push_back(Frame{node(kind, mark), anchor, {}, {}, {}, {}, {}});
  }

  void end() {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    finish(frame.node, frame.anchor);
  }

  void finish(YamlPointer done, YAML::anchor_t anchor) {
    if (anchor) anchors_[anchor] = done;
    add(done, done->place);
  }

  // `where` is the place of the alias, if it is one that is added.
  void add(const YamlPointer& value, Place where) {
    if (frames_.empty()) {
      root_ = value;
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node->kind == YamlNode::Kind::list) {
      frame.node->items.push_back(value);
    } else if (!frame.has_key) {
      add_key(frame, *value, where);
    } else {
      if (frame.key_is_good) frame.node->entries.push_back({frame.key, frame.key_place, value});
      frame.has_key = false;
    }
  }

  void add_key(Frame& frame, const YamlNode& key, Place where) {
    const std::string map_path = here();
    frame.has_key = true;
    frame.key = key.text;
    frame.key_place = where;
    frame.key_is_good = key.kind == YamlNode::Kind::scalar && !key.text.empty();
    if (!frame.key_is_good) {
      errors_.add(where, map_path, "a key must be a word");
      return;
    }
    const auto [first, is_new] = frame.seen.emplace(key.text, where);
    frame.key_is_good = is_new;
    if (!is_new)
      errors_.add(where, here(),
                  fmt::format("duplicate key (it was given at {}:{})", first->second.line, first->second.column));
  }

  const int source_;
  const std::string path_;
  ConfigErrors& errors_;
  int documents_ = 0;
  YamlPointer root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, YamlPointer> anchors_;
};

// yaml-cpp takes any bytes and guesses an encoding; here anything but plain UTF-8 text is somebody's wrong file.
void require_text(const std::string& text, int source, const std::string& path) {
  Place place{source, 1, 1};
  for (size_t at = 0; at < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    const size_t length = utf8_length(text, at);
    if (length == 0) throw Stop{place, path, fmt::format("byte 0x{:02x} is not UTF-8 text", c)};
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
      throw Stop{place, path, fmt::format("control character 0x{:02x}", c)};
    at += length;
    if (c == '\n')
      ++place.line, place.column = 1;
    else
      place.column += static_cast<int>(length);
  }
}

}  // namespace

const YamlEntry* YamlNode::find(const std::string& key) const {
  const auto found = std::ranges::find(entries, key, &YamlEntry::key);
  return found == entries.end() ? nullptr : &*found;
}

YamlPointer parse_yaml(const std::string& text, int source, const std::string& path, ConfigErrors& errors) {
  TreeBuilder builder(source, path, errors);
  try {
    require_text(text, source, path);
    // yaml-cpp takes the end of the text for the end of a quote, if white space comes before it. A comment does not.
    std::istringstream stream(text + "\n#");
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    if (builder.root()) return builder.root();
    YamlNode nothing;  // no document at all: comments, or not even that
    nothing.place = {source, 1, 1};
    return std::make_shared<YamlNode>(nothing);
  } catch (const Stop& stop) {
    errors.add(stop.place, stop.path, stop.message);
  } catch (const YAML::Exception& error) {
    const Stop stop = builder.explain(error);
    errors.add(stop.place, stop.path, stop.message);
  } catch (const std::exception& error) {
    errors.add({source, 1, 1}, path, fmt::format("not YAML: {}", error.what()));
  }
  return nullptr;
}

}  // namespace transformlet
