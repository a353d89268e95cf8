#include "datasets/puzzles/puzzle.h"

#include "datasets/puzzles/arithmetic.h"
#include "datasets/puzzles/brackets.h"
#include "datasets/puzzles/records.h"
#include "datasets/puzzles/sudoku.h"

namespace palimpsest {

namespace {

// Letters that an error may be made of.
std::string letters_of(PuzzleKind kind, const std::string& answer) {
  switch (kind) {
    case PuzzleKind::kSudoku:
      return std::string("123456789").substr(0, static_cast<std::size_t>(sudoku_side(answer.size())));
    case PuzzleKind::kBrackets:
      return answer;
    case PuzzleKind::kRecords:
    case PuzzleKind::kArithmetic:
      return "0123456789";
  }
  return answer;
}

}  // namespace

Ruling check_answer(PuzzleKind kind, const std::string& question, const std::string& answer) {
  switch (kind) {
    case PuzzleKind::kSudoku:
      return check_sudoku(question, answer);
    case PuzzleKind::kBrackets:
      return check_brackets(question, answer);
    case PuzzleKind::kRecords:
      return check_record(question, answer);
    case PuzzleKind::kArithmetic:
      return check_arithmetic(question, answer);
  }
  return {"kind", ""};
}

std::string spoil(PuzzleKind kind, const std::string& answer, RandomKey key) {
  const std::string letters = letters_of(kind, answer);
  std::string spoilt = answer;
  // Only a letter that stands for one of `letters` is exchanged, so that an error is one of substance.
  for (std::uint64_t draw = 0; draw < 1000 && !letters.empty(); ++draw) {
    const std::size_t at = key.fold("at").below(answer.size(), draw);
    const char letter = letters[key.fold("letter").below(letters.size(), draw)];
    if (letters.find(answer[at]) == std::string::npos || letter == answer[at]) continue;
    spoilt[at] = letter;
    break;
  }
  return spoilt;
}

}  // namespace palimpsest
