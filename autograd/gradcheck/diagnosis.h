// What the pattern of two gradients that disagree suggests.
#pragma once

#include <string>
#include <vector>

#include "autograd/gradcheck/differences.h"

namespace transformlet::checking {

struct Check;

// Two gradients of one tensor, at some of its entries.
struct Comparison {
  Shape shape;
  bool whole = false;  // all entries were asked for, in order
  std::vector<int64_t> at = {};
  std::vector<double> analytic = {}, numeric = {};
  std::vector<bool> wrong = {};
  // What each sample of a batch (the outputs' first axis, if all have the same) contributes to the numeric value of
  // some of the wrong entries: shares[k][sample] to that at place shared[k] of `at`. Empty: there is no batch.
  std::vector<size_t> shared = {};
  std::vector<std::vector<double>> shares = {};

  void add(int64_t entry, double analytic_value, double numeric_value, bool is_wrong);
  double cosine() const;  // of the angle between the two; 1 if both are 0
};

// Measures the shares of the samples, by differences of that step.
void measure_shares(const Check& check, size_t input, double step, Comparison& comparison);

// In a few words, the most specific pattern that fits to 1e-6 of the gradient's norm; empty if none does.
std::string diagnose(const Comparison& comparison);

}  // namespace transformlet::checking
