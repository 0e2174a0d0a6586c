// A node of the graph: what an op leaves behind for its derivative. Internal to the engine and to audits of the graph.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace transformlet {

struct Node {
  struct Input {
    NodePointer node;  // none: a constant
    int output = 0;
    Shape shape;
    DType dtype = DType::float32;
  };
  struct Output {
    Shape shape;
    DType dtype = DType::float32;
    BufferPointer kept;  // leaves, and ops that keep their output
    std::string name;    // of a leaf
  };

  int64_t id = 0;
  const char* op = "leaf";
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  Vjp vjp;
  Reference reference;
  double product_operations = 0;
  TensorList saved;
  std::vector<uint64_t> saved_versions;
  TensorList kept_inputs;  // under HigherOrder, for the reference
  std::vector<uint64_t> kept_versions;
  bool released = false;
  Node* next_dead = nullptr;

  ~Node();
  // Drops all that only the derivative needs.
  void release();
};

NodePointer make_node();

// The tensor that a node's output was, made anew from the buffer that the node keeps.
Tensor output_tensor(const NodePointer& node, int output);

// Nodes, newest first, and which of them each of their inputs comes from.
struct Ancestry {
  static constexpr size_t nowhere = SIZE_MAX;

  std::vector<NodePointer> nodes;
  std::vector<size_t> first_edge;  // for each node, where its inputs begin in `edges`
  std::vector<size_t> edges;       // for each input, its node's place in `nodes`, or nowhere

  // The places that the inputs of a node come from.
  std::span<const size_t> inputs_of(size_t place) const {
    return {edges.data() + first_edge[place], nodes[place]->inputs.size()};
  }
  // The place of a node, or nowhere.
  size_t find(const NodePointer& node) const;
};

// Every node that y leads back to and whose id is at least `oldest`. No path leads past the tensors of `until`.
Ancestry ancestry(const TensorList& ys, int64_t oldest = 0, const TensorList& until = {});

// grad() that takes the tensors of `until` for leaves: no path leads past them, though the gradients may be
// differentiated with respect to what they were made from.
TensorList grad_until(const TensorList& ys, const TensorList& targets, const TensorList& until,
                      const GradOptions& options);

// Sets whether this thread records, until the end of the scope.
class RecordingIs {
 public:
  explicit RecordingIs(bool on);
  ~RecordingIs();
  RecordingIs(const RecordingIs&) = delete;
  RecordingIs& operator=(const RecordingIs&) = delete;

 private:
  bool before_;
};
bool higher_order();

}  // namespace transformlet
