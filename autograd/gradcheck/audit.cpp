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
  struct Cut {
    Tensor from, constant;
  };

  void recorded(const NodePointer& node, const TensorList& inputs) override { records.push_back({node, inputs}); }
  void detached(const Tensor& from, const Tensor& constant) override { cuts.push_back({from, constant}); }

  std::vector<Record> records;
  std::vector<Cut> cuts;
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

std::string shape_of(const Tensor& x) { return fmt::format("{}", x.shape()); }

// What detach() cut, if an op on the way to the outputs takes what is left.
void find_cuts(const GraphLog& log, const Ancestry& graph, const TensorList& inputs, std::vector<Finding>& findings) {
  for (const GraphLog::Cut& cut : log.cuts) {
    for (const GraphLog::Record& record : log.records) {
      if (graph.find(record.node) == Ancestry::nowhere) continue;
      const bool takes_it = std::any_of(record.inputs.begin(), record.inputs.end(), [&](const Tensor& x) {
        return !x.requires_grad() && x.body().buffer == cut.constant.body().buffer;
      });
      if (!takes_it) continue;
      const std::string from = sources(ancestry({cut.from}).nodes, inputs);
      findings.push_back(
          {Finding::cut, record.node->op,
           fmt::format("{}{} takes a detached tensor {}: through it no gradient flows back to {}", record.node->op,
                       read_by(record, inputs), shape_of(cut.from), from.empty() ? "what it was made from" : from)});
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
  for (const GraphLog::Cut& cut : log.cuts) taken.insert(cut.from.body().node.get());
  std::map<std::string, int> times;
  for (const GraphLog::Record& record : log.records) {
    if (graph.find(record.node) != Ancestry::nowhere || taken.contains(record.node.get())) continue;
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

bool all_zero(const Tensor& x) {
  for (int64_t i = 0; i < x.size(); ++i) {
    if (checking::value_at(x, i) != 0) return false;
  }
  return true;
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
    if (!all_zero(gradients[i])) continue;
    findings.push_back(
        {Finding::zero_gradient, name_of_input(inputs, i),
         fmt::format("{} {}: its gradient is exactly zero everywhere", name_of_input(inputs, i), inputs[i].shape())});
  }
  return findings;
}

}  // namespace transformlet
