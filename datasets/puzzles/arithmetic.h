// Chains of arithmetic: each step is made of the one before and something else. A question is "mod 100: a=7 b=a+5
// c=b*a", a solution the value of every step, "a=7 b=12 c=84".
#pragma once

#include "datasets/puzzles/puzzle.h"

namespace palimpsest {

struct ArithmeticOptions {
  std::int64_t steps = 4;      // values, the first given; at most 26
  std::int64_t modulus = 100;  // of every value
  std::int64_t largest = 9;    // number in a step
  double back = 0.3;           // share of steps whose other part is a value of before, not a number

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("steps", self.steps, "values of a chain, the first of them given");
    visitor("modulus", self.modulus, "that values are taken by");
    visitor("largest", self.largest, "largest number in a step");
    visitor("back", self.back, "share of steps whose other part is an earlier value");
  }
  void validate() const;
};

std::unique_ptr<PuzzleMaker> arithmetic_maker(const ArithmeticOptions& options);

// Rules: question, form, value.
Ruling check_arithmetic(const std::string& question, const std::string& answer);

}  // namespace palimpsest
