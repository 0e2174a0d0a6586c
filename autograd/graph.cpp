#include "autograd/graph.h"

#include <algorithm>
#include <atomic>
#include <queue>

#include "autograd/node.h"
#include "autograd/observer.h"
#include "autograd/ops.h"
#include "autograd/profile.h"
#include "autograd/recompute.h"

namespace transformlet {
namespace {

std::atomic<int64_t> next_id = 1;
std::atomic<int64_t> live = 0;
thread_local bool recording_on = true;
thread_local bool higher_order_on = false;

// Deletes a node without recursion: destroying one may free the next, in its inputs or in the tensors that it saved,
// and a long graph would overflow the stack. Nodes that die while one is being deleted wait in a list.
void bury(Node* node) {
  thread_local Node* dead = nullptr;
  thread_local bool burying = false;
  node->next_dead = dead;
  dead = node;
  if (burying) return;
  burying = true;
  while (dead != nullptr) {
    Node* const first = dead;
    dead = first->next_dead;
    delete first;
  }
  burying = false;
}

std::vector<uint64_t> versions_of(const TensorList& tensors) {
  std::vector<uint64_t> versions;
  versions.reserve(tensors.size());
  for (const Tensor& x : tensors) versions.push_back(x.body().buffer->version);
  return versions;
}

bool newer(const NodePointer& a, const NodePointer& b) { return a->id > b->id; }

}  // namespace

Node::~Node() { --live; }

void Node::release() {
  vjp = nullptr;
  reference = nullptr;
  saved.clear();
  kept_inputs.clear();
  for (Output& output : outputs) output.kept.reset();
  released = true;
}

NodePointer make_node() {
  ++live;
  NodePointer node(new Node, bury);
  node->id = next_id++;
  return node;
}

NodePointer leaf_node(const Tensor& x, const std::string& name) {
  NodePointer node = make_node();
  node->outputs = {{x.shape(), x.dtype(), x.body().buffer, name}};
  return node;
}

Tensor output_tensor(const NodePointer& node, int output) {
  const Node::Output& meta = node->outputs[static_cast<size_t>(output)];
  if (meta.kept == nullptr) return {};
  return Tensor(std::make_shared<Tensor::Body>(
      Tensor::Body{meta.shape, meta.shape.size(), meta.dtype, meta.kept, node, output, meta.name}));
}

namespace {

// The outputs, as constants: an observer of the graph may want to know what they were made from all the same.
TensorList stay_out(Recording& recording) {
  if (current_observer != nullptr) [[unlikely]]
    current_observer->computed(recording.inputs, recording.outputs);
  return std::move(recording.outputs);
}

}  // namespace

TensorList record_all(Recording recording) {
  if (!recording_on) return stay_out(recording);
  if (current_profile != nullptr) [[unlikely]]
    current_profile->forward(recording);
  const bool tracked =
      std::any_of(recording.inputs.begin(), recording.inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  if (!tracked) return stay_out(recording);

  NodePointer node = make_node();
  node->op = recording.op;
  node->product_operations = recording.product_operations;
  node->inputs.reserve(recording.inputs.size());
  for (const Tensor& x : recording.inputs) {
    node->inputs.push_back({x.body().node, x.body().output, x.shape(), x.dtype()});
  }
  node->outputs.reserve(recording.outputs.size());
  for (const Tensor& y : recording.outputs) {
    node->outputs.push_back({y.shape(), y.dtype(), recording.keeps_output ? y.body().buffer : nullptr, {}});
    y.body().node = node;
    y.body().output = static_cast<int>(node->outputs.size()) - 1;
  }
  if (current_observer != nullptr) [[unlikely]]
    current_observer->recorded(node, recording.inputs);
  node->saved_versions = versions_of(recording.saves);
  node->saved = std::move(recording.saves);
  node->vjp = std::move(recording.vjp);
  if (recording.reference) {
    node->reference = std::move(recording.reference);
    if (higher_order_on) {
      node->kept_versions = versions_of(recording.inputs);
      node->kept_inputs = std::move(recording.inputs);
    }
  }
  return std::move(recording.outputs);
}

Tensor record(Recording recording) { return std::move(record_all(std::move(recording)).front()); }

size_t Ancestry::find(const NodePointer& node) const {
  if (node == nullptr) return nowhere;
  const auto found = std::lower_bound(nodes.begin(), nodes.end(), node, newer);
  return found != nodes.end() && *found == node ? static_cast<size_t>(found - nodes.begin()) : nowhere;
}

// A node is taken when all that is newer has been: then no edge into it is missing, and those that there are come out
// of the queue one after the other. So the nodes come in order, each once, without a table of those that were seen.
Ancestry ancestry(const TensorList& ys, int64_t oldest, const TensorList& until) {
  struct Edge {
    const NodePointer* node;  // in a tensor or an older entry of the graph, which stay where they are
    size_t edge;              // its place in `edges`; nowhere: from a tensor of ys
  };
  const auto later = [](const Edge& a, const Edge& b) { return newer(*b.node, *a.node); };
  std::priority_queue<Edge, std::vector<Edge>, decltype(later)> waiting(later);
  Ancestry result;
  const auto visit = [&](const NodePointer& node, size_t edge) {
    if (node != nullptr && node->id >= oldest) waiting.push({&node, edge});
  };
  for (const Tensor& y : ys) visit(y.body().node, Ancestry::nowhere);
  while (!waiting.empty()) {
    const auto [node, edge] = waiting.top();
    waiting.pop();
    if (result.nodes.empty() || result.nodes.back() != *node) {
      result.nodes.push_back(*node);
      result.first_edge.push_back(result.edges.size());
      const bool is_end =
          std::any_of(until.begin(), until.end(), [&](const Tensor& x) { return x.body().node == *node; });
      for (const Node::Input& input : (*node)->inputs) {
        if (!is_end) visit(input.node, result.edges.size());
        result.edges.push_back(Ancestry::nowhere);
      }
    }
    if (edge != Ancestry::nowhere) result.edges[edge] = result.nodes.size() - 1;
  }
  return result;
}

std::vector<bool> depends_on(const Tensor& y, const TensorList& targets) {
  const Ancestry graph = ancestry({y});
  std::vector<bool> result;
  for (const Tensor& target : targets) result.push_back(graph.find(target.body().node) != Ancestry::nowhere);
  return result;
}

bool recording() { return recording_on; }
bool higher_order() { return higher_order_on; }
RecordingIs::RecordingIs(bool on) : before_(recording_on) { recording_on = on; }
RecordingIs::~RecordingIs() { recording_on = before_; }
NoRecording::NoRecording() : before_(recording_on) { recording_on = false; }
NoRecording::~NoRecording() { recording_on = before_; }
HigherOrder::HigherOrder() : before_(higher_order_on) { higher_order_on = true; }
HigherOrder::~HigherOrder() { higher_order_on = before_; }

bool is_leaf(const Tensor& x) { return x.requires_grad() && x.body().node->inputs.empty(); }
const char* op_of(const Tensor& x) { return x.requires_grad() ? x.body().node->op : "constant"; }
int64_t live_nodes() { return live; }

Tensor recompute(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs) {
  if (!recording_on) return function(inputs);
  // The first pass runs on inputs cut off from what came before; its graph tells which leaves the function reaches, and
  // dies at the end of this scope.
  TensorList cut, all = inputs;
  for (const Tensor& x : inputs) cut.push_back(x.requires_grad() ? leaf(x) : x);
  Tensor y = function(cut);
  for (const NodePointer& node : ancestry({y}).nodes) {
    const bool is_input = std::any_of(cut.begin(), cut.end(), [&](const Tensor& x) { return x.body().node == node; });
    if (node->inputs.empty() && !is_input) all.push_back(output_tensor(node, 0));
  }
  const size_t count = inputs.size();
  auto vjp = [function, count](const Backward& backward) -> TensorList {
    const bool differentiable = transformlet::recording();
    const RecordingIs on(true);
    const auto run = [&] {
      TensorList again;
      for (size_t i = 0; i < count; ++i) again.push_back(alias(backward.saved[i]));
      const TensorList aliases = again;
      const Tensor result = function(again);
      again.insert(again.end(), backward.saved.begin() + static_cast<std::ptrdiff_t>(count), backward.saved.end());
      TensorList targets;
      for (size_t i = 0; i < again.size(); ++i) {
        if (backward.needs(i)) targets.push_back(again[i]);
      }
      // The inputs may have been made from a leaf that the function reaches too: that path is not this function's.
      return grad_until({result}, targets, aliases, {.seeds = {backward.dy()}, .differentiable = differentiable});
    };
    TensorList gradients;
    if (differentiable) {
      const HigherOrder guard;
      gradients = run();
    } else {
      gradients = run();
    }
    TensorList result(backward.needed.size());
    for (size_t i = 0, next = 0; i < result.size(); ++i) {
      if (backward.needs(i)) result[i] = std::move(gradients[next++]);
    }
    return result;
  };
  const Tensor result =
      record({.op = "recompute", .inputs = all, .outputs = {constant(y)}, .vjp = std::move(vjp), .saves = all});
  if (current_observer != nullptr) current_observer->replaced(y, result);
  return result;
}

}  // namespace transformlet
