// Sudoku of 4x4 (boxes 2x2), 6x6 (boxes of 2 rows, 3 columns) and 9x9 (boxes 3x3). A question is its cells row by row,
// '.' where empty; a solution the same with every cell filled.
#pragma once

#include <optional>
#include <vector>

#include "datasets/puzzles/puzzle.h"

namespace palimpsest {

// How a puzzle is solved: by naked singles alone; by hidden singles too, naked ones not being enough; not by singles.
enum class SudokuLevel { kEasy, kMedium, kHard };
constexpr auto enum_names(SudokuLevel) {
  return std::array{std::pair{SudokuLevel::kEasy, "easy"}, std::pair{SudokuLevel::kMedium, "medium"},
                    std::pair{SudokuLevel::kHard, "hard"}};
}

struct SudokuOptions {
  std::int64_t side = 6;
  SudokuLevel level = SudokuLevel::kEasy;
  std::int64_t clues = 0;  // fewest given cells; 0: as few as the level allows

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("side", self.side, "4, 6 or 9");
    visitor("level", self.level, "easy (naked singles solve it), medium (hidden singles are needed), hard (more is)");
    visitor("clues", self.clues, "fewest given cells, 0 for as few as the level allows");
  }
  void validate() const;
};

// Cells row by row, 0 where empty.
using SudokuCells = std::vector<int>;

class Sudoku {
 public:
  explicit Sudoku(std::int64_t side);

  std::int64_t side() const { return side_; }
  // The solutions, at most `limit`, in the order of their digits.
  std::int64_t count_solutions(const SudokuCells& cells, std::int64_t limit) const;
  // Solution `number` from 0 in that order; none when there are fewer.
  std::optional<SudokuCells> solution(const SudokuCells& cells, std::int64_t number) const;
  // A filled grid, found by search that tries digits in keyed orders.
  SudokuCells random_grid(RandomKey key) const;
  // Whether singles alone solve it: cells with one digit left, and with `hidden` digits with one cell left in a unit.
  bool singles_solve(SudokuCells cells, bool hidden) const;
  // First cell in reading order that repeats a digit of its row, column or box before it, and the unit's name.
  std::optional<std::pair<std::int64_t, const char*>> first_repeat(const SudokuCells& cells) const;

 private:
  struct Search;
  std::int64_t box_of(std::int64_t cell) const;
  int candidates(const SudokuCells& cells, std::int64_t cell) const;  // bit d: digit d may stand there
  bool fill_naked(SudokuCells& cells) const;
  bool fill_hidden(SudokuCells& cells) const;

  std::int64_t side_, box_rows_, box_columns_;
  std::vector<std::vector<std::int64_t>> units_;  // rows, columns, boxes
  std::vector<std::vector<std::int64_t>> peers_;  // of a cell
};

// The side of a grid with so many cells; 0 when there is none.
std::int64_t sudoku_side(std::size_t cells);
std::string sudoku_text(const SudokuCells& cells);

// Puzzles with exactly one solution. A 4x4 grid is uniform over all 288; larger ones come from a keyed search. Cells
// are emptied in keyed order while the level's way still solves the puzzle. Grids that differ by names of digits alone
// share a group. InputError: no puzzle of the level was found in 1,000 grids.
std::unique_ptr<PuzzleMaker> sudoku_maker(const SudokuOptions& options);

// Rules: length, letter, clue, row, column, box.
Ruling check_sudoku(const std::string& question, const std::string& answer);

}  // namespace palimpsest
