// Golden values: numbers recorded from PyTorch. tests/golden/README.md lists the files, the cases and their arrays.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace transformlet {

// How far a result may be from a golden array, as golden_error measures it. The README gives the reason.
inline constexpr double golden_tolerance_float64 = 1e-10;
inline constexpr double golden_tolerance_float32 = 1e-5;

struct GoldenArray {
  std::vector<int64_t> shape;  // empty for a scalar
  std::vector<double> data;    // row-major; booleans are 0 and 1, ids and lengths are whole numbers
};

struct GoldenCase {
  std::string name;
  std::map<std::string, double> settings;     // numbers and booleans (0 or 1)
  std::map<std::string, std::string> words;   // settings that are words
  std::map<std::string, GoldenArray> inputs;  // cotangents too: cotangent.<output>
  std::map<std::string, GoldenArray> outputs;
  std::map<std::string, GoldenArray> gradients;  // of the sum of output * cotangent, by the input's name
};

// The cases of tests/golden/<file>, for example "attention.json", in the file's order. Throws Error, naming the file
// and the case, if the file is missing or not as the README describes it.
std::vector<GoldenCase> load_golden(const std::string& file);

// The case of that name; throws Error if there is none.
const GoldenCase& golden_case(const std::vector<GoldenCase>& cases, const std::string& name);

// The largest difference, as a fraction of the largest absolute value expected (absolute if all expected are zero).
// Infinity if the sizes differ or a value is NaN.
double golden_error(const GoldenArray& expected, std::span<const double> actual);
double golden_error(const GoldenArray& expected, std::span<const float> actual);

}  // namespace transformlet
