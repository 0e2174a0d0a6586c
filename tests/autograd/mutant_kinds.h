// The kinds of bugs that are planted in the derivative of an op, and how to tell that one makes no difference.
#pragma once

#include "tests/autograd/mutant_masks.h"

namespace transformlet::mutants {

enum Kind {
  factor_2,
  wrong_sign,
  row_dropped,          // the last row of dy does not reach this input
  input_dropped,        // this input gets nothing
  operand_transposed,   // what the op saved is read column by column
  gradient_transposed,  // the gradient is written column by column
  sum_missing,          // over a broadcast axis, or over rows or repeated ids: only one part arrives
  mask_ignored,
  off_by_one,
  one_entry,  // 1 % too large
  kinds
};
inline constexpr const char* kind_names[] = {"factor 2",   "sign",   "row dropped",  "input dropped", "operand^T",
                                             "gradient^T", "no sum", "mask ignored", "off by one",    "1 % of one"};

struct Mutant {
  Kind kind;
  std::string op;     // of the nodes that it is planted in
  std::string where;  // "input 1", "operand 0"
  TensorFunction function;
  Nodes nodes = Nodes::all;
  std::optional<size_t> slot = {};  // the input whose gradient is changed; none: of all
  Alter alter = {};
  // Of a call whose gradients are as they were: why. Empty: no idea.
  std::function<std::string(const VjpCall&)> why_same = {};
};

inline constexpr double no_change = 1e-6;  // of a gradient's norm

// All mutants of one op in the graph of one function: wrong in every node of the op, or, where those cancel, in the
// newest alone.
class Planter {
 public:
  Planter(const TensorFunction& function, const std::string& op, const TensorList& inputs)
      : function_(function), op_(op), inputs_(inputs), right_(gradient_of(function, inputs, 0)) {
    gradient_of(planted(function, op, [this](const VjpCall& call, TensorList& gradients) { look(call, gradients); }),
                inputs, 0);
  }

  std::vector<Mutant> mutants() {
    for (const size_t slot : slots_) {
      change(factor_2, slot, [](const Tensor& g) { return scaled(g, 2); });
      change(wrong_sign, slot, [](const Tensor& g) { return scaled(g, -1); });
      change(input_dropped, slot, [](const Tensor& g) { return scaled(g, 0); });
      change(one_entry, slot, one_percent);
      change(off_by_one, slot, shifted, why_not_shifted);
      if (matrices_.contains(slot)) change(gradient_transposed, slot, transposed_in_memory, why_not_transposed);
      drop_row(slot);
      if (broadcast_.contains(slot) || sums_rows(slot)) miss_sum(slot);
      ignore_mask(slot);
    }
    for (const size_t i : saved_) transpose_operand(fmt::format("operand {}", i), &Operands::saved, i);
    for (const size_t i : outputs_) transpose_operand(fmt::format("output {}", i), &Operands::outputs, i);
    return std::move(mutants_);
  }

 private:
  using Change = std::function<Tensor(const Tensor&)>;
  using Why = std::function<std::string(const Tensor&)>;

  void look(const VjpCall& call, const TensorList& gradients) {
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      slots_.insert(i);
      if (call.input_shape(i).rank() >= 2) matrices_.insert(i);
      if (gradients[i].shape() != call.input_shape(i)) broadcast_.insert(i);
    }
    const Operands operands = call.operands();
    const auto find_matrices = [](const TensorList& tensors, std::set<size_t>& matrices) {
      for (size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].defined() && tensors[i].rank() >= 2) matrices.insert(i);
      }
    };
    find_matrices(operands.saved, saved_);
    find_matrices(operands.outputs, outputs_);
  }

  void add(Kind kind, const std::string& where, std::optional<size_t> slot, const Alter& alter,
           const std::function<std::string(const VjpCall&)>& why) {
    TensorFunction function = planted(function_, op_, alter);
    Nodes nodes = Nodes::all;
    // Two wrong signs on one path cancel.
    if (relative_change(right_, gradient_of(function, inputs_, 0)) <= no_change) {
      nodes = Nodes::newest;
      function = planted(function_, op_, alter, nodes);
    }
    mutants_.push_back({kind, op_, where, function, nodes, slot, alter, why});
  }

  void add(Kind kind, size_t slot, const Alter& alter, const std::function<std::string(const VjpCall&)>& why) {
    const Alter if_there = [=](const VjpCall& call, TensorList& gradients) {
      if (slot < gradients.size() && gradients[slot].defined()) alter(call, gradients);
    };
    add(kind, fmt::format("input {}", slot), slot, if_there, why);
  }

  // A change of the gradient alone.
  void change(Kind kind, size_t slot, const Change& change, const Why& why = {}) {
    add(
        kind, slot,
        [=](const VjpCall& call, TensorList& gradients) {
          gradients[slot] = change(call.settled(gradients[slot], slot));
        },
        [=](const VjpCall& call) { return why ? why(call.settled(call.run()[slot], slot)) : ""; });
  }

  // The entry, other than 0, that is nearest the root mean square.
  static Tensor one_percent(const Tensor& g) {
    std::vector<double> values = g.to_vector();
    const double typical = norm(g) / std::sqrt(static_cast<double>(std::max<int64_t>(1, g.size())));
    const auto distance = [&](double value) { return value == 0 ? INFINITY : std::abs(std::abs(value) - typical); };
    const auto nearest =
        std::min_element(values.begin(), values.end(), [&](double a, double b) { return distance(a) < distance(b); });
    if (nearest != values.end()) *nearest *= 1.01;
    return with_values(g, values);
  }

  // Along the first axis along which that makes a difference.
  static Tensor shifted(const Tensor& g) {
    for (int axis = 0; axis < g.rank(); ++axis) {
      Tensor result = rolled(g, axis);
      if (!same(g, result)) return result;
    }
    return g;
  }
  static std::string why_not_shifted(const Tensor& g) {
    if (g.size() <= 1) return "it has one row";
    const std::vector<double> values = g.to_vector();
    const bool equal = std::all_of(values.begin(), values.end(), [&](double value) {
      return std::abs(value - values[0]) <= 1e-13 * std::abs(values[0]);
    });
    return equal ? "all rows are equal" : "";
  }

  static std::string why_not_transposed(const Tensor& x) {
    if (x.dim(-2) == 1 || x.dim(-1) == 1) return "the matrix has one row or one column";
    if (!same(x, transposed_in_memory(x))) return "";
    const std::vector<double> values = x.to_vector();
    const auto size = static_cast<size_t>(x.dim(-2) * x.dim(-1));
    bool equal = true;
    for (size_t i = 0; i < values.size(); ++i) equal = equal && values[i] == values[i - i % size];
    if (equal) return "all entries of the matrix are equal";
    return x.dim(-2) == x.dim(-1) ? "the matrix is symmetric" : "";
  }

  void transpose_operand(const std::string& where, TensorList Operands::*list, size_t i) {
    const auto with = [=](const VjpCall& call, const Change& change) {
      Operands operands = call.operands();
      TensorList& tensors = operands.*list;
      if (i < tensors.size() && tensors[i].defined()) tensors[i] = change(tensors[i]);
      return call.run(operands);
    };
    add(
        operand_transposed, where, std::nullopt,
        [=](const VjpCall& call, TensorList& gradients) { gradients = with(call, transposed_in_memory); },
        [=](const VjpCall& call) -> std::string {
          const Operands operands = call.operands();
          const TensorList& tensors = operands.*list;
          std::string why = tensors[i].rank() < 2 ? "it is no matrix" : why_not_transposed(tensors[i]);
          if (!why.empty()) return why;
          const TensorList right = call.run(), other = with(call, [](const Tensor&x) { return scaled(x, 0.5); });
          for (size_t slot = 0; slot < right.size(); ++slot) {
            if (right[slot].defined() && !same(right[slot], other[slot])) return "";
          }
          return "the vjp does not look at it";
        });
  }

  void drop_row(size_t slot) {
    // The last row alone, or all but that. A tensor of one row is dropped whole.
    const auto part = [](const Tensor& dy, bool last) {
      int axis = 0;
      while (axis < dy.rank() && dy.dim(axis) <= 1) ++axis;
      return kept_where(dy, [&](const std::vector<int64_t>& index) {
        return last == (axis == dy.rank() || index[static_cast<size_t>(axis)] == dy.dim(axis) - 1);
      });
    };
    add(
        row_dropped, slot,
        [=](const VjpCall& call, TensorList& gradients) {
          gradients[slot] = call.run_with_dy(part(call.dy(), false))[slot];
        },
        [=](const VjpCall& call) -> std::string {
          const Tensor row = part(normal_like(call.dy(), RandomKey(3)), true);
          return norm(call.run_with_dy(row)[slot]) == 0 ? "nothing of that row goes to this input" : "";
        });
  }

  bool has_weights() const {
    static const std::set<std::string> ops = {"linear", "gelu_linear", "layer_norm", "rms_norm"};
    return ops.contains(op_);
  }
  bool sums_rows(size_t slot) const {
    return op_ == "broadcast_to" || op_ == "gather_rows" || (has_weights() && slot > 0);
  }

  // x summed to a shape, of each sum the first term only.
  static Tensor first_terms(const Tensor& x, const Shape& shape) {
    return sum_to(kept_where(x,
                             [&](const std::vector<int64_t>& index) {
                               for (int axis = 1; axis <= x.rank(); ++axis) {
                                 const bool summed = axis > shape.rank() || shape[-axis] != x.dim(-axis);
                                 if (summed && index[index.size() - static_cast<size_t>(axis)] != 0) return false;
                               }
                               return true;
                             }),
                  shape);
  }

  static Tensor one_row(const Tensor& dy, int64_t row) {
    std::vector<double> values = dy.to_vector();
    for (size_t i = 0; i < values.size(); ++i) {
      if (static_cast<int64_t>(i) / std::max<int64_t>(1, dy.columns()) != row) values[i] = 0;
    }
    return with_values(dy, values);
  }

  // Rows of a table that are written, where they should be added.
  static Tensor overwritten(const VjpCall& call, size_t slot) {
    std::vector<double> values(static_cast<size_t>(call.input_shape(slot).size()));
    for (int64_t row = 0; row < call.dy().rows(); ++row) {
      const std::vector<double> own = call.run_with_dy(one_row(call.dy(), row))[slot].to_vector();
      for (size_t i = 0; i < own.size(); ++i) values[i] = own[i] == 0 ? values[i] : own[i];
    }
    return tensor(values, call.input_shape(slot), call.dy().dtype());
  }

  void miss_sum(size_t slot) {
    const auto first = [op = op_, rows = has_weights(), slot](const VjpCall& call) {
      if (op == "gather_rows") return overwritten(call, slot);
      if (op == "broadcast_to") return first_terms(call.dy(), call.input_shape(slot));
      if (rows) return call.run_with_dy(one_row(call.dy(), 0))[slot];
      return first_terms(call.run()[slot], call.input_shape(slot));
    };
    add(
        sum_missing, slot, [=](const VjpCall& call, TensorList& gradients) { gradients[slot] = first(call); },
        [rows = has_weights(), slot](const VjpCall& call) -> std::string {
          const int64_t size = call.input_shape(slot).size(), parts = rows ? call.dy().rows() : call.dy().size();
          return parts <= (rows ? 1 : size) ? "there is one row to sum" : "";
        });
  }

  void ignore_mask(size_t slot) {
    const std::optional<MaskBug> bug = mask_bug(op_, slot);
    if (!bug) return;
    add(
        mask_ignored, slot, [=](const VjpCall& call, TensorList& gradients) { gradients[slot] = bug->gradient(call); },
        bug->why_same);
  }

  const TensorFunction function_;
  const std::string op_;
  const TensorList inputs_, right_;
  std::set<size_t> slots_, matrices_, broadcast_;  // inputs
  std::set<size_t> saved_, outputs_;               // operands that are matrices
  std::vector<Mutant> mutants_;
};

}  // namespace transformlet::mutants
