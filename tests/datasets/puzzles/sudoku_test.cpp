#include "datasets/puzzles/sudoku.h"

#include <gmock/gmock.h>

#include <set>

#include "base/shuffle.h"
#include "tests/datasets/uniform.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// By the definition: every row, column and box of a 4x4 grid has each digit.
bool is_grid(const std::string& text) {
  for (std::size_t unit = 0; unit < 4; ++unit) {
    std::set<char> row, column, box;
    for (std::size_t i = 0; i < 4; ++i) {
      row.insert(text[4 * unit + i]);
      column.insert(text[4 * i + unit]);
      box.insert(text[4 * (unit / 2 * 2 + i / 2) + unit % 2 * 2 + i % 2]);
    }
    if (row.size() != 4 || column.size() != 4 || box.size() != 4) return false;
  }
  return true;
}

// Every way to fill the holes, tried one by one.
std::int64_t brute_count(const std::string& question) {
  const auto hole = question.find('.');
  if (hole == std::string::npos) return is_grid(question);
  std::int64_t count = 0;
  for (char digit = '1'; digit <= '4'; ++digit) {
    std::string filled = question;
    filled[hole] = digit;
    count += brute_count(filled);
  }
  return count;
}

SudokuCells cells(const std::string& text) {
  SudokuCells result;
  for (const char letter : text) result.push_back(letter == '.' ? 0 : letter - '0');
  return result;
}

TEST(Sudoku, CountsSolutionsAsBruteForceDoes) {
  const Sudoku sudoku(4);
  EXPECT_EQ(sudoku.count_solutions(SudokuCells(16), 1000), 288);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::string question = sudoku_text(*sudoku.solution(SudokuCells(16), static_cast<std::int64_t>(9 * seed)));
    const auto order = shuffled(16, RandomKey::root(seed));
    for (std::size_t i = 0; i < 7; ++i) question[order[i]] = '.';
    if (seed % 3 == 0) question[order[8]] = static_cast<char>('1' + seed % 4);  // some have none
    EXPECT_EQ(sudoku.count_solutions(cells(question), 1000), brute_count(question)) << question;
  }
}

TEST(Sudoku, TheCheckerTakesGridsAndNothingElse) {
  const Sudoku sudoku(4);
  const std::string nothing(16, '.');
  for (std::int64_t number = 0; number < 288; number += 7) {
    const std::string grid = sudoku_text(*sudoku.solution(SudokuCells(16), number));
    EXPECT_TRUE(check_sudoku(nothing, grid).right());
    for (std::size_t cell = 0; cell < 16; ++cell) {
      for (char digit = '1'; digit <= '4'; ++digit) {
        std::string other = grid;
        other[cell] = digit;
        EXPECT_EQ(check_sudoku(nothing, other).right(), is_grid(other)) << other;
        EXPECT_EQ(check_sudoku(grid, other).rule, other == grid ? "" : "clue");
      }
    }
  }
}

TEST(Sudoku, TheCheckerNamesRuleAndPlace) {
  const std::string nothing(16, '.');
  const auto told = [&](const std::string& answer) {
    const Ruling ruling = check_sudoku(nothing, answer);
    return ruling.rule + ": " + ruling.where;
  };
  EXPECT_EQ(told("1234341221434321"), ": ");
  EXPECT_EQ(told("123434122143432"), "length: 15 cells");
  EXPECT_EQ(told("12343412214343215"), "length: 17 cells");
  EXPECT_EQ(told("1234345221434321"), "letter: row 2, column 3");
  EXPECT_EQ(told("1134341221434321"), "row: row 1, column 2");
  EXPECT_EQ(told("1234123421434321"), "column: row 2, column 1");
  EXPECT_EQ(told("1234214334124321"), "box: row 2, column 1");
  EXPECT_EQ(check_sudoku("4...............", "1234341221434321").where, "row 1, column 1");
  EXPECT_EQ(check_sudoku("a riddle", "1234").rule, "length");
}

class SudokuMaking : public testing::TestWithParam<std::pair<std::int64_t, SudokuLevel>> {};

TEST_P(SudokuMaking, PuzzlesHaveOneSolutionAndTheirLevel) {
  const auto [side, level] = GetParam();
  const Sudoku sudoku(side);
  const auto maker = sudoku_maker({side, level, 0});
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Puzzle puzzle = maker->make(RandomKey::root(seed));
    EXPECT_EQ(sudoku.count_solutions(cells(puzzle.question), 2), 1) << puzzle.question;
    EXPECT_EQ(sudoku_text(*sudoku.solution(cells(puzzle.question), 0)), puzzle.solution);
    EXPECT_TRUE(check_sudoku(puzzle.question, puzzle.solution).right());
    const bool naked = sudoku.singles_solve(cells(puzzle.question), false),
               hidden = sudoku.singles_solve(cells(puzzle.question), true);
    EXPECT_EQ(naked, level == SudokuLevel::kEasy);
    EXPECT_EQ(hidden, level != SudokuLevel::kHard);
    EXPECT_EQ(maker->make(RandomKey::root(seed)).question, puzzle.question);
  }
}

INSTANTIATE_TEST_SUITE_P(Sides, SudokuMaking,
                         testing::Values(std::pair{4, SudokuLevel::kEasy}, std::pair{6, SudokuLevel::kEasy},
                                         std::pair{6, SudokuLevel::kMedium}, std::pair{6, SudokuLevel::kHard},
                                         std::pair{9, SudokuLevel::kEasy}, std::pair{9, SudokuLevel::kMedium},
                                         std::pair{9, SudokuLevel::kHard}));

TEST(SudokuMaker, LeavesTheCluesAskedForAndSaysWhenALevelIsNotThere) {
  const Puzzle puzzle = sudoku_maker({6, SudokuLevel::kEasy, 20})->make(RandomKey::root(1));
  EXPECT_EQ(36 - std::count(puzzle.question.begin(), puzzle.question.end(), '.'), 20);
  EXPECT_THAT(message_of<InputError>([] {
                sudoku_maker({4, SudokuLevel::kMedium, 0})->make(RandomKey::root(1));
              }),
              HasSubstr("no puzzle of this level"));
}

TEST(SudokuLaw, SmallestGridsAreUniformAndGroupsAreTheirPatterns) {
  const auto maker = sudoku_maker({4, SudokuLevel::kEasy, 15});
  std::map<std::string, std::int64_t> grids, groups;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const Puzzle puzzle = maker->make(RandomKey::root(seed));
    ++grids[puzzle.solution];
    ++groups[puzzle.group];
  }
  expect_uniform(grids, 288, "grids");
  expect_uniform(groups, 288 / 24, "patterns");
}

TEST(SudokuLaw, DigitsOfLargerGridsAreUniformInEveryCell) {
  const Sudoku sudoku(6);
  std::map<std::string, std::int64_t> first, last;
  for (std::uint64_t seed = 0; seed < 1200; ++seed) {
    const std::string grid = sudoku_text(sudoku.random_grid(RandomKey::root(seed)));
    ++first[grid.substr(0, 1)];
    ++last[grid.substr(35)];
  }
  expect_uniform(first, 6, "first cell");
  expect_uniform(last, 6, "last cell");
}

}  // namespace
}  // namespace palimpsest
