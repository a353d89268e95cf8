#include "datasets/puzzles/sudoku.h"

#include <algorithm>
#include <bit>

#include "base/shuffle.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kSmallestGrids = 288;  // 4x4
constexpr std::uint64_t kMostGrids = 1000;

std::optional<SudokuCells> cells_of(const std::string& text, std::int64_t side) {
  SudokuCells cells;
  for (const char letter : text) {
    const int digit = letter == '.' ? 0 : letter - '0';
    if ((letter != '.' && digit < 1) || digit > side) return std::nullopt;
    cells.push_back(digit);
  }
  return cells;
}

std::string place(std::int64_t cell, std::int64_t side) {
  return "row " + std::to_string(cell / side + 1) + ", column " + std::to_string(cell % side + 1);
}

// The grid with its digits renamed so that the first row counts up.
SudokuCells renamed(const SudokuCells& grid, std::int64_t side) {
  std::vector<int> name(static_cast<std::size_t>(side) + 1);
  for (std::int64_t column = 0; column < side; ++column)
    name[static_cast<std::size_t>(grid[static_cast<std::size_t>(column)])] = static_cast<int>(column) + 1;
  SudokuCells cells;
  for (const int digit : grid) cells.push_back(name[static_cast<std::size_t>(digit)]);
  return cells;
}

class SudokuMaker : public PuzzleMaker {
 public:
  explicit SudokuMaker(const SudokuOptions& options) : options_(options), sudoku_(options.side) {}

  Puzzle make(RandomKey key) const override {
    for (std::uint64_t attempt = 0; attempt < kMostGrids; ++attempt) {
      const RandomKey own = key.fold(attempt);
      const SudokuCells grid = draw_grid(own);
      const SudokuCells clues = emptied(grid, own.fold("empty"));
      if (is_of_level(clues))
        return {sudoku_text(clues), sudoku_text(grid), sudoku_text(renamed(grid, sudoku_.side()))};
    }
    throw InputError("", "data.puzzles.sudoku.level",
                     "no puzzle of this level came out of 1,000 grids; choose another level or side");
  }

 private:
  SudokuCells draw_grid(RandomKey key) const {
    if (sudoku_.side() != 4) return sudoku_.random_grid(key.fold("grid"));
    const SudokuCells empty(16);
    return *sudoku_.solution(empty, static_cast<std::int64_t>(key.fold("grid").below(kSmallestGrids, 0)));
  }

  bool solvable(const SudokuCells& cells) const {
    if (options_.level == SudokuLevel::kHard) return sudoku_.count_solutions(cells, 2) == 1;
    return sudoku_.singles_solve(cells, options_.level == SudokuLevel::kMedium);
  }

  SudokuCells emptied(SudokuCells cells, RandomKey key) const {
    auto given = static_cast<std::int64_t>(cells.size());
    for (const std::size_t cell : shuffled(cells.size(), key)) {
      if (given <= options_.clues) break;
      const int digit = std::exchange(cells[cell], 0);
      if (solvable(cells)) {
        --given;
      } else {
        cells[cell] = digit;
      }
    }
    return cells;
  }

  // Not easier than the level either.
  bool is_of_level(const SudokuCells& cells) const {
    return options_.level == SudokuLevel::kEasy || !sudoku_.singles_solve(cells, options_.level == SudokuLevel::kHard);
  }

  SudokuOptions options_;
  Sudoku sudoku_;
};

}  // namespace

void SudokuOptions::validate() const {
  if (side != 4 && side != 6 && side != 9) throw InputError("", "side", "must be 4, 6 or 9");
  if (clues < 0 || clues > side * side) throw InputError("", "clues", "must lie in 0.." + std::to_string(side * side));
}

// Depth-first, always at the cell with the fewest digits left.
struct Sudoku::Search {
  const Sudoku& sudoku;
  SudokuCells cells;
  std::int64_t wanted = 0;         // stop at this many solutions
  std::optional<RandomKey> key{};  // orders digits; none: they count up
  std::int64_t found = 0;

  bool run() {
    std::int64_t best = -1;
    int fewest = 100;
    for (std::int64_t cell = 0; cell < sudoku.side_ * sudoku.side_; ++cell) {
      if (cells[static_cast<std::size_t>(cell)] != 0) continue;
      const int count = std::popcount(static_cast<unsigned>(sudoku.candidates(cells, cell)));
      if (count < fewest) {
        fewest = count;
        best = cell;
      }
    }
    if (best < 0) return ++found == wanted;
    const int digits = sudoku.candidates(cells, best);
    for (const std::size_t number : order(best)) {
      const int digit = static_cast<int>(number) + 1;
      if (!(digits >> digit & 1)) continue;
      cells[static_cast<std::size_t>(best)] = digit;
      if (run()) return true;
    }
    cells[static_cast<std::size_t>(best)] = 0;
    return false;
  }

  std::vector<std::size_t> order(std::int64_t cell) const {
    const auto side = static_cast<std::size_t>(sudoku.side_);
    return key ? shuffled(side, key->fold(static_cast<std::uint64_t>(cell))) : counted(side);
  }
};

Sudoku::Sudoku(std::int64_t side) : side_(side), box_rows_(side == 9 ? 3 : 2), box_columns_(side / box_rows_) {
  const std::int64_t cells = side * side;
  units_.resize(static_cast<std::size_t>(3 * side));
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    units_[static_cast<std::size_t>(cell / side)].push_back(cell);
    units_[static_cast<std::size_t>(side + cell % side)].push_back(cell);
    units_[static_cast<std::size_t>(2 * side + box_of(cell))].push_back(cell);
  }
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    auto& peers = peers_.emplace_back();
    for (std::int64_t other = 0; other < cells; ++other) {
      if (other != cell &&
          (other / side == cell / side || other % side == cell % side || box_of(other) == box_of(cell)))
        peers.push_back(other);
    }
  }
}

std::int64_t Sudoku::box_of(std::int64_t cell) const {
  return cell / side_ / box_rows_ * box_rows_ + cell % side_ / box_columns_;
}

int Sudoku::candidates(const SudokuCells& cells, std::int64_t cell) const {
  int left = (2 << side_) - 2;
  for (const std::int64_t peer : peers_[static_cast<std::size_t>(cell)])
    left &= ~(1 << cells[static_cast<std::size_t>(peer)]);
  return left;
}

std::int64_t Sudoku::count_solutions(const SudokuCells& cells, std::int64_t limit) const {
  if (first_repeat(cells)) return 0;
  Search search{*this, cells, limit};
  search.run();
  return search.found;
}

std::optional<SudokuCells> Sudoku::solution(const SudokuCells& cells, std::int64_t number) const {
  if (first_repeat(cells)) return std::nullopt;
  Search search{*this, cells, number + 1};
  return search.run() ? std::optional(search.cells) : std::nullopt;
}

SudokuCells Sudoku::random_grid(RandomKey key) const {
  Search search{*this, SudokuCells(static_cast<std::size_t>(side_ * side_)), 1, key};
  search.run();
  return search.cells;
}

// One pass; true when a cell was filled.
bool Sudoku::fill_naked(SudokuCells& cells) const {
  bool filled = false;
  for (std::int64_t cell = 0; cell < side_ * side_; ++cell) {
    int& digit = cells[static_cast<std::size_t>(cell)];
    const auto left = static_cast<unsigned>(candidates(cells, cell));
    if (digit != 0 || std::popcount(left) != 1) continue;
    digit = std::countr_zero(left);
    filled = true;
  }
  return filled;
}

bool Sudoku::fill_hidden(SudokuCells& cells) const {
  for (const auto& unit : units_) {
    for (int digit = 1; digit <= side_; ++digit) {
      std::int64_t places = 0, last = 0;
      for (const std::int64_t cell : unit) {
        if (cells[static_cast<std::size_t>(cell)] != 0 || !(candidates(cells, cell) >> digit & 1)) continue;
        ++places;
        last = cell;
      }
      if (places != 1) continue;
      cells[static_cast<std::size_t>(last)] = digit;
      return true;
    }
  }
  return false;
}

bool Sudoku::singles_solve(SudokuCells cells, bool hidden) const {
  while (fill_naked(cells) || (hidden && fill_hidden(cells))) {
  }
  return std::find(cells.begin(), cells.end(), 0) == cells.end() && !first_repeat(cells);
}

std::optional<std::pair<std::int64_t, const char*>> Sudoku::first_repeat(const SudokuCells& cells) const {
  for (std::int64_t cell = 0; cell < side_ * side_; ++cell) {
    const int digit = cells[static_cast<std::size_t>(cell)];
    for (const std::int64_t peer : peers_[static_cast<std::size_t>(cell)]) {
      if (digit == 0 || peer >= cell || cells[static_cast<std::size_t>(peer)] != digit) continue;
      return std::pair{cell, peer / side_ == cell / side_ ? "row" : peer % side_ == cell % side_ ? "column" : "box"};
    }
  }
  return std::nullopt;
}

std::int64_t sudoku_side(std::size_t cells) { return cells == 16 ? 4 : cells == 36 ? 6 : cells == 81 ? 9 : 0; }

std::string sudoku_text(const SudokuCells& cells) {
  std::string text;
  for (const int digit : cells) text += digit == 0 ? '.' : static_cast<char>('0' + digit);
  return text;
}

std::unique_ptr<PuzzleMaker> sudoku_maker(const SudokuOptions& options) {
  return std::make_unique<SudokuMaker>(options);
}

Ruling check_sudoku(const std::string& question, const std::string& answer) {
  const std::int64_t side = sudoku_side(question.size());
  if (side == 0 || answer.size() != question.size()) return {"length", std::to_string(answer.size()) + " cells"};
  for (std::size_t cell = 0; cell < answer.size(); ++cell) {
    if (answer[cell] < '1' || answer[cell] > '0' + side)
      return {"letter", place(static_cast<std::int64_t>(cell), side)};
    if (question[cell] != '.' && question[cell] != answer[cell])
      return {"clue", place(static_cast<std::int64_t>(cell), side)};
  }
  const auto repeat = Sudoku(side).first_repeat(*cells_of(answer, side));
  if (repeat) return {repeat->second, place(repeat->first, side)};
  return {};
}

}  // namespace palimpsest
