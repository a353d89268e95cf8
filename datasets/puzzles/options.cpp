#include "datasets/puzzles/options.h"

namespace palimpsest {

void PuzzleSplitOptions::validate() const {
  if (samples < 1 || samples > 1'000'000'000) throw InputError("", "samples", "must lie in 1..1000000000");
  if (!(0.0 <= from && from < to && to <= 1.0)) throw InputError("", "from", "0 <= from < to <= 1 is needed");
}

void PuzzleOptions::validate() const {
  if (!(spoilt >= 0.0 && spoilt <= 1.0)) throw InputError("", "spoilt", "must lie in 0..1");
}

std::unique_ptr<PuzzleMaker> puzzle_maker(const PuzzleOptions& options) {
  switch (options.kind) {
    case PuzzleKind::kSudoku:
      return sudoku_maker(options.sudoku);
    case PuzzleKind::kBrackets:
      return bracket_maker(options.brackets);
    case PuzzleKind::kRecords:
      return record_maker(options.records);
    case PuzzleKind::kArithmetic:
      return arithmetic_maker(options.arithmetic);
  }
  TORCH_CHECK(false, "puzzle_maker: a kind without a maker");
}

}  // namespace palimpsest
