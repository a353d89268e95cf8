// Puzzles as text: a question, a solution, and a checker that says which rule an answer breaks, and where.
#pragma once

#include <memory>
#include <string>

#include "base/options.h"
#include "base/random.h"

namespace palimpsest {

enum class PuzzleKind { kSudoku, kBrackets, kRecords, kArithmetic };
constexpr auto enum_names(PuzzleKind) {
  return std::array{std::pair{PuzzleKind::kSudoku, "sudoku"}, std::pair{PuzzleKind::kBrackets, "brackets"},
                    std::pair{PuzzleKind::kRecords, "records"}, std::pair{PuzzleKind::kArithmetic, "arithmetic"}};
}

struct Puzzle {
  std::string question, solution;
  std::string group;  // puzzles that must not be divided between splits share it
};

// What the checker says of an answer. A right answer breaks no rule.
struct Ruling {
  std::string rule;   // "row", "clue", ...; empty when the answer is right
  std::string where;  // "row 2, column 3", "letter 5", "field age"

  bool right() const { return rule.empty(); }
};

// Draws the puzzles of one kind and size; a puzzle is a pure function of its key.
class PuzzleMaker {
 public:
  virtual ~PuzzleMaker() = default;
  virtual Puzzle make(RandomKey key) const = 0;
};

// Whether the answer solves the question; more than one answer may. Anything may be asked: a question that is none of
// the kind is broken by every answer.
Ruling check_answer(PuzzleKind kind, const std::string& question, const std::string& answer);

// The answer with one letter exchanged for another letter that solutions of the kind have, drawn by the key.
std::string spoil(PuzzleKind kind, const std::string& answer, RandomKey key);

}  // namespace palimpsest
