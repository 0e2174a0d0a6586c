#include "train/weights/name_map.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace transformlet {
namespace {

// The number that "*" stands for, or nothing if it is not of this pattern; empty if the pattern has no "*".
std::optional<std::string> number_in(const std::string& pattern, const std::string& name) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return pattern == name ? std::optional<std::string>("") : std::nullopt;
  const std::string_view front(pattern.data(), star), back(pattern.data() + star + 1, pattern.size() - star - 1);
  if (name.size() <= front.size() + back.size() || !name.starts_with(front) || !name.ends_with(back)) return {};
  std::string number = name.substr(front.size(), name.size() - front.size() - back.size());
  const bool digits = std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits ? std::optional(number) : std::nullopt;
}

std::string with(const std::string& text, const std::string& what, const std::string& put) {
  const size_t at = text.find(what);
  return at == std::string::npos ? text : std::string(text).replace(at, what.size(), put);
}

constexpr const char* packed = "{q,k,v}";

void add_pieces(std::vector<Piece>& pieces, std::string theirs, const ParameterShape& parameter, size_t place,
                PackedRows rows) {
  constexpr std::string_view mark = " ^T";
  const bool transposed = theirs.ends_with(mark);
  if (transposed) theirs.resize(theirs.size() - mark.size());
  const auto add = [&](const std::string& name, int64_t first_row, const Shape& shape) {
    pieces.push_back({name, transposed ? Shape{shape[1], shape[0]} : shape, place, first_row, transposed});
  };
  if (theirs.find(packed) == std::string::npos) return add(theirs, 0, parameter.shape);
  int64_t first_row = 0;
  for (const auto& [letter, count] : {std::pair("q", rows.queries), {"k", rows.keys}, {"v", rows.keys}}) {
    add(with(theirs, packed, letter), first_row, parameter.shape.with(0, count));
    first_row += count;
  }
}

// The piece and its rows of the parameter as matrices: calls `copy` with both, for each element.
template <class Copy>
void for_each_element(const Piece& piece, const Copy& copy) {
  const int64_t size = piece.shape.size();
  const int64_t width = piece.shape.rank() == 2 ? piece.shape[1] : 1;  // theirs
  const int64_t our_width = piece.transposed ? piece.shape[0] : width;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t row = piece.transposed ? i % width : i / width, column = piece.transposed ? i / width : i % width;
    copy(i, (piece.first_row + row) * our_width + column);
  }
}

}  // namespace

bool matches(const std::string& pattern, const std::string& name) { return number_in(pattern, name).has_value(); }

NameMap map_names(const Layout& layout, const std::vector<ParameterShape>& ours, PackedRows rows) {
  NameMap result;
  for (size_t place = 0; place < ours.size(); ++place) {
    const auto rule = std::ranges::find_if(
        layout.weights, [&](const WeightRule& candidate) { return matches(candidate.ours, ours[place].name); });
    if (rule == layout.weights.end()) {
      result.unmapped.push_back(place);
    } else {
      const std::string number = *number_in(rule->ours, ours[place].name);
      add_pieces(result.pieces, with(rule->theirs, "*", number), ours[place], place, rows);
    }
  }
  return result;
}

void copy_into_parameter(const Piece& piece, const Tensor& theirs, Tensor& parameter) {
  with_dtype(parameter.dtype(), [&]<class T>() {
    const T* const from = theirs.data<T>();
    T* const to = overwrite<T>(parameter);
    for_each_element(piece, [&](int64_t their_place, int64_t our_place) { to[our_place] = from[their_place]; });
  });
}

Tensor copy_of_piece(const Piece& piece, const Tensor& parameter) {
  Tensor result = empty(piece.shape, parameter.dtype());
  with_dtype(parameter.dtype(), [&]<class T>() {
    const T* const from = parameter.data<T>();
    T* const to = result.data<T>();
    for_each_element(piece, [&](int64_t their_place, int64_t our_place) { to[their_place] = from[our_place]; });
  });
  return result;
}

}  // namespace transformlet
