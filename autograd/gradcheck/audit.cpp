// What a graph says without any number.
#include <algorithm>
#include <map>
#include <set>

#include "autograd/gradcheck/problem.h"
#include "autograd/node.h"
#include "autograd/observer.h"

namespace transformlet {
namespace {

using checking::name_of_input;

class GraphLog : public Observer {
 public:
  struct Record {
    NodePointer node;
    TensorList inputs;
  };
  // What was cut off, and the constants that carry it on: the detached tensor, and what was computed from it.
  struct Cut {
    TensorList from, constants;

    bool is_in(const TensorList& tensors) const {
      return std::any_of(tensors.begin(), tensors.end(), [&](const Tensor& x) {
        return x.defined() && !x.requires_grad() &&
               std::any_of(constants.begin(), constants.end(),
                           [&](const Tensor& constant) { return x.body().buffer == constant.body().buffer; });
      });
    }
  };

  void recorded(const NodePointer& node, const TensorList& inputs) override { records.push_back({node, inputs}); }
  void detached(const Tensor& from, const Tensor& constant) override { cuts.push_back({{from}, {constant}}); }
  void computed(const TensorList& inputs, const TensorList& outputs) override {
    for (Cut& cut : cuts) {
      if (cut.is_in(inputs)) cut.constants.insert(cut.constants.end(), outputs.begin(), outputs.end());
    }
    // With recording off, an op cuts its inputs off as detach() does.
    TensorList tracked;
    std::copy_if(inputs.begin(), inputs.end(), std::back_inserter(tracked),
                 [](const Tensor& x) { return x.defined() && x.requires_grad(); });
    if (!tracked.empty()) cuts.push_back({tracked, outputs});
  }
  void replaced(const Tensor& inner, const Tensor& outer) override {
    for (const NodePointer& node : ancestry({inner}).nodes) {
      if (!node->inputs.empty()) stands_for_[node.get()] = outer.body().node;
    }
  }

  // The node that stands in the outputs' graph for one that may lie inside a recomputed segment.
  NodePointer seen_from_outside(NodePointer node) const {
    for (auto found = stands_for_.find(node.get()); found != stands_for_.end(); found = stands_for_.find(node.get())) {
      node = found->second;
    }
    return node;
  }

  std::vector<Record> records;
  std::vector<Cut> cuts;

 private:
  std::map<const Node*, NodePointer> stands_for_;
};

// The named leaves that nodes come from: "a, b and 3 more".
std::string sources(const std::vector<NodePointer>& nodes, const TensorList& inputs) {
  std::vector<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (std::find(nodes.begin(), nodes.end(), inputs[i].body().node) != nodes.end()) {
      names.push_back(name_of_input(inputs, i));
    }
  }
  if (names.empty()) return "";
  const size_t shown = std::min<size_t>(3, names.size());
  std::string words =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) words += fmt::format(" and {} more", names.size() - shown);
  return words;
}

// The leaves that a node reads directly.
std::string read_by(const GraphLog::Record& record, const TensorList& inputs) {
  std::vector<NodePointer> nodes;
  for (const Node::Input& input : record.node->inputs) {
    if (input.node != nullptr) nodes.push_back(input.node);
  }
  const std::string names = sources(nodes, inputs);
  return names.empty() ? "" : fmt::format(" with {}", names);
}

// What detach() cut, if an op on the way to the outputs takes what is left.
void find_cuts(const GraphLog& log, const Ancestry& graph, const TensorList& inputs, std::vector<Finding>& findings) {
  for (const GraphLog::Cut& cut : log.cuts) {
    for (const GraphLog::Record& record : log.records) {
      if (graph.find(log.seen_from_outside(record.node)) == Ancestry::nowhere || !cut.is_in(record.inputs)) continue;
      const std::string from = sources(ancestry(cut.from).nodes, inputs);
      findings.push_back({Finding::cut, record.node->op,
                          fmt::format("{}{} takes a detached tensor {}: through it no gradient flows back to {}",
                                      record.node->op, read_by(record, inputs), cut.constants.front().shape(),
                                      from.empty() ? "what it was made from" : from)});
      break;
    }
  }
}

// Ops whose outputs nothing takes. What only leads to such an op is not named beside it.
void find_unused(const GraphLog& log, const Ancestry& graph, const TensorList& inputs, std::vector<Finding>& findings) {
  std::set<const Node*> taken;
  for (const GraphLog::Record& record : log.records) {
    for (const Node::Input& input : record.node->inputs) taken.insert(input.node.get());
  }
  // What a detached tensor was made by is used, though not differentiated.
  for (const GraphLog::Cut& cut : log.cuts) {
    for (const Tensor& x : cut.from) taken.insert(x.body().node.get());
  }
  std::map<std::string, int> times;
  for (const GraphLog::Record& record : log.records) {
    if (graph.find(record.node) != Ancestry::nowhere || taken.contains(record.node.get())) continue;
    if (log.seen_from_outside(record.node) != record.node) continue;
    const Node::Output& output = record.node->outputs.front();
    ++times[fmt::format("{}\n{}{} computes a tensor {} that no output depends on", record.node->op, record.node->op,
                        read_by(record, inputs), output.shape)];
  }
  for (const auto& [text, count] : times) {
    const size_t end = text.find('\n');
    findings.push_back({Finding::unused_output, text.substr(0, end),
                        text.substr(end + 1) + (count > 1 ? fmt::format(" ({} times)", count) : "")});
  }
}

// The longest run of rows (places on the first axis) that are exactly zero.
std::pair<int64_t, int64_t> zero_rows(const Tensor& x) {
  const int64_t rows = x.rank() == 0 ? 1 : x.dim(0), width = x.size() / rows;
  std::pair<int64_t, int64_t> longest = {0, 0};
  for (int64_t row = 0, begin = 0; row < rows; ++row) {
    for (int64_t i = row * width; i < (row + 1) * width; ++i) {
      if (checking::value_at(x, i) != 0) begin = row + 1;
    }
    if (row + 1 - begin > longest.second - longest.first) longest = {begin, row + 1};
  }
  return longest;
}

// A table of which the inputs choose rows has zeros in those that they did not choose.
bool is_table(const Tensor& x, const GraphLog& log) {
  return std::any_of(log.records.begin(), log.records.end(), [&](const GraphLog::Record& record) {
    const std::string_view op = record.node->op;
    return (op == "gather_rows" || op == "slice") && record.node->inputs.front().node == x.body().node;
  });
}

// Gradients that are zero to the bit, all of them or, as those of the queries and keys in a packed projection, over
// half of them in one piece.
void find_zeros(const GraphLog& log, const Tensor& x, const Tensor& gradient, const std::string& name,
                std::vector<Finding>& findings) {
  const auto [begin, end] = zero_rows(gradient);
  const int64_t rows = x.rank() == 0 ? 1 : x.dim(0);
  if (end - begin == rows) {
    findings.push_back(
        {Finding::zero_gradient, name, fmt::format("{} {}: its gradient is exactly zero everywhere", name, x.shape())});
  } else if (end - begin > 1 && 2 * (end - begin) > rows && !is_table(x, log)) {
    findings.push_back(
        {Finding::zero_gradient, name,
         fmt::format("{} {}: its gradient is exactly zero where axis 0 is in [{}, {})", name, x.shape(), begin, end)});
  }
}

}  // namespace

std::vector<Finding> audit(const TensorFunction& function, const TensorList& inputs) {
  checking::require_leaves("audit", inputs);
  std::vector<Finding> findings;
  GraphLog log;
  const RecordingIs on(true);
  TensorList outputs;
  {
    const Observing observing(log);
    outputs = function(inputs);
  }
  const Ancestry graph = ancestry(outputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (graph.find(inputs[i].body().node) != Ancestry::nowhere) continue;
    findings.push_back({Finding::no_path, name_of_input(inputs, i),
                        fmt::format("{} {}: no path joins it to the output, so it never gets a gradient",
                                    name_of_input(inputs, i), inputs[i].shape())});
  }
  find_cuts(log, graph, inputs, findings);
  find_unused(log, graph, inputs, findings);
  const TensorList gradients = grad(outputs, inputs, {.seeds = checking::random_cotangents(outputs, 0)});
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (graph.find(inputs[i].body().node) == Ancestry::nowhere || inputs[i].size() == 0) continue;
    find_zeros(log, inputs[i], gradients[i], name_of_input(inputs, i), findings);
  }
  return findings;
}

}  // namespace transformlet
