#include "datasets/puzzles/arithmetic.h"

#include <gtest/gtest.h>

#include "tests/datasets/uniform.h"

namespace palimpsest {
namespace {

TEST(Arithmetic, OfAllAnswersOneIsRight) {
  const auto maker = arithmetic_maker({3, 7, 5, 0.5});
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Puzzle puzzle = maker->make(RandomKey::root(seed));
    std::int64_t right = 0;
    for (int number = 0; number < 7 * 7 * 7; ++number) {
      const std::string answer = "a=" + std::to_string(number / 49) + " b=" + std::to_string(number / 7 % 7) +
                                 " c=" + std::to_string(number % 7);
      const bool taken = check_arithmetic(puzzle.question, answer).right();
      EXPECT_EQ(taken, answer == puzzle.solution);
      right += taken;
    }
    EXPECT_EQ(right, 1) << puzzle.question;
  }
}

TEST(Arithmetic, TheCheckerNamesRuleAndStep) {
  const std::string question = "mod 100: a=7 b=a-9 c=b*a d=c+b";
  const auto told = [](const std::string& asked, const std::string& answer) {
    const Ruling ruling = check_arithmetic(asked, answer);
    return ruling.rule + ": " + ruling.where;
  };
  EXPECT_EQ(told(question, "a=7 b=98 c=86 d=84"), ": ");
  EXPECT_EQ(told(question, "a=7 b=98 c=85 d=84"), "value: step c");
  EXPECT_EQ(told(question, "a=7 b=-2 c=86 d=84"), "value: step b");
  EXPECT_EQ(told(question, "a=7 b=98 c=86"), "form: step d");
  EXPECT_EQ(told(question, "a=7 c=86 b=98 d=84"), "form: step b");
  EXPECT_EQ(told(question, "a=7 b=98 c=86 d=84 e=1"), "form: end");
  EXPECT_EQ(told(question, "a=7  b=98 c=86 d=84"), "form: end");
  for (const char* bad : {"", "a=7", "mod 0: a=1", "mod 10: b=1", "mod 10: a=b", "mod 10: a=1 b=a+", "mod 10: a=1,b=2"})
    EXPECT_EQ(told(bad, "a=1"), "question: ") << bad;
}

TEST(ArithmeticLaw, SignsAndNumbersAreUniform) {
  const auto maker = arithmetic_maker({2, 10, 9, 0.0});
  std::map<std::string, std::int64_t> first, signs, numbers;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string question = maker->make(RandomKey::root(seed)).question;  // mod 10: a=7 b=a+9
    ++first[question.substr(10, 1)];
    ++signs[question.substr(15, 1)];
    ++numbers[question.substr(16)];
  }
  expect_uniform(first, 10, "first value");
  expect_uniform(signs, 3, "sign");
  expect_uniform(numbers, 10, "number");
}

TEST(Puzzles, ASpoiltAnswerDiffersInOneLetterAndIsMostlyWrong) {
  for (const auto& [kind, name] : enum_names(PuzzleKind{})) {
    const std::string question = kind == PuzzleKind::kSudoku     ? "1..............."
                                 : kind == PuzzleKind::kBrackets ? "2 ...."
                                 : kind == PuzzleKind::kRecords  ? "a:1..3"
                                                                 : "mod 9: a=3";
    const std::string answer = kind == PuzzleKind::kSudoku     ? "1234341221434321"
                               : kind == PuzzleKind::kBrackets ? "([])"
                               : kind == PuzzleKind::kRecords  ? "{\"a\":2}"
                                                               : "a=3";
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::string spoilt = spoil(kind, answer, RandomKey::root(seed));
      ASSERT_EQ(spoilt.size(), answer.size());
      std::size_t differing = 0;
      for (std::size_t i = 0; i < answer.size(); ++i) differing += spoilt[i] != answer[i];
      EXPECT_EQ(differing, 1u) << name;
    }
  }
}

}  // namespace
}  // namespace palimpsest
