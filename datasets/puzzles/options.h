// The law of puzzles: the [data.puzzles] table of recipes.
#pragma once

#include <map>
#include <string>

#include "datasets/puzzles/arithmetic.h"
#include "datasets/puzzles/brackets.h"
#include "datasets/puzzles/records.h"
#include "datasets/puzzles/sudoku.h"

namespace palimpsest {

// [data.puzzles.splits.SPLIT]
struct PuzzleSplitOptions {
  std::int64_t samples = 0;
  double from = 0.0, to = 1.0;  // the split's share of all groups of puzzles, by their hash

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("samples", self.samples, "puzzles of the split");
    visitor("from", self.from, "first part of the split's share of all groups of puzzles");
    visitor("to", self.to, "end of the share, 0 to 1");
  }
  void validate() const;
};

// [data.puzzles]
struct PuzzleOptions {
  PuzzleKind kind = PuzzleKind::kSudoku;
  std::int64_t seed = 0;
  double spoilt = 0.5;  // share of candidates with an error
  SudokuOptions sudoku;
  BracketOptions brackets;
  RecordOptions records;
  ArithmeticOptions arithmetic;
  std::map<std::string, PuzzleSplitOptions> splits;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("kind", self.kind, "sudoku, brackets, records or arithmetic");
    visitor("seed", self.seed, "of all puzzles");
    visitor("spoilt", self.spoilt, "share of candidates with an error in them");
    visitor("sudoku", self.sudoku, "when it is the kind");
    visitor("brackets", self.brackets, "when it is the kind");
    visitor("records", self.records, "when it is the kind");
    visitor("arithmetic", self.arithmetic, "when it is the kind");
    visitor("splits", self.splits, "the splits");
  }
  void validate() const;
};

std::unique_ptr<PuzzleMaker> puzzle_maker(const PuzzleOptions& options);

}  // namespace palimpsest
