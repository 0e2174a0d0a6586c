// A layout's table of weights (layouts.h), applied to the parameters of one model.
#pragma once

#include <string>
#include <vector>

#include "train/safetensors.h"
#include "train/weights/layouts.h"

namespace transformlet {

struct ParameterShape {
  std::string name;
  Shape shape;
};

// Rows of queries, and of keys and of values, in a packed projection.
struct PackedRows {
  int64_t queries, keys;
};

// One tensor of theirs: all of a parameter of ours, or some of its rows.
struct Piece {
  std::string theirs;
  Shape shape;        // as they store it
  size_t ours;        // the place of the parameter
  int64_t first_row;  // of its rows
  bool transposed;
};

struct NameMap {
  std::vector<Piece> pieces;
  std::vector<size_t> unmapped;  // parameters that they have no place for
};

NameMap map_names(const Layout& layout, const std::vector<ParameterShape>& ours, PackedRows rows);

// Whether a name is one of the pattern's: "*" stands for a number.
bool matches(const std::string& pattern, const std::string& name);

// Between a parameter and a piece of it, of one dtype; `parameter` is written through overwrite().
void copy_into_parameter(const Piece& piece, const Tensor& theirs, Tensor& parameter);
Tensor copy_of_piece(const Piece& piece, const Tensor& parameter);

}  // namespace transformlet
