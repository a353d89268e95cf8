#include "datasets/puzzles/brackets.h"

#include <gtest/gtest.h>

#include "tests/datasets/uniform.h"

namespace palimpsest {
namespace {

// All texts of the letters with a length.
std::vector<std::string> texts_of(const std::string& letters, std::size_t length) {
  if (length == 0) return {""};
  std::vector<std::string> texts;
  for (const std::string& shorter : texts_of(letters, length - 1)) {
    for (const char letter : letters) texts.push_back(shorter + letter);
  }
  return texts;
}

// By the definition: pairs that stand side by side are taken out until nothing is left; each round is one level of
// depth.
bool is_word(std::string text, std::int64_t depth) {
  std::int64_t open = 0;
  for (const char letter : text) {
    open += letter == '(' || letter == '[' ? 1 : -1;
    if (open > depth) return false;
  }
  for (std::size_t before = text.size() + 1; text.size() < before;) {
    before = text.size();
    for (const char* pair : {"()", "[]"}) {
      const auto at = text.find(pair);
      if (at != std::string::npos) text.erase(at, 2);
    }
  }
  return text.empty();
}

TEST(Brackets, TheCheckerTakesTheWordsOfTheLanguageAlone) {
  for (std::int64_t depth = 1; depth <= 3; ++depth) {
    std::int64_t words = 0;
    for (const std::string& text : texts_of("()[]", 6)) {
      const bool right = check_brackets(std::to_string(depth) + " ......", text).right();
      EXPECT_EQ(right, is_word(text, depth)) << text;
      words += right;
    }
    EXPECT_EQ(static_cast<double>(words), BracketWords(3, depth).count() * 8.0);  // two types a pair
  }
}

TEST(Brackets, TheCheckerNamesRuleAndPlace) {
  const auto told = [](const char* question, const char* answer) {
    const Ruling ruling = check_brackets(question, answer);
    return ruling.rule + ": " + ruling.where;
  };
  EXPECT_EQ(told("2 ....", "([])"), ": ");
  EXPECT_EQ(told("2 .[..", "()()"), "clue: letter 2");
  EXPECT_EQ(told("1 ....", "([])"), "depth: letter 2");
  EXPECT_EQ(told("2 ....", "([)]"), "crossed: letter 3");
  EXPECT_EQ(told("2 ....", "())("), "unopened: letter 3");
  EXPECT_EQ(told("2 ....", "()(("), "unclosed: letter 4");
  EXPECT_EQ(told("2 ....", "(a)("), "letter: letter 2");
  EXPECT_EQ(told("2 ....", "()"), "length: 2 letters");
  EXPECT_EQ(told("....", "()()"), "question: depth bound");
}

TEST(BracketsLaw, WordsAreUniform) {
  const BracketWords words(4, 3);
  std::map<std::string, std::int64_t> counts;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) ++counts[words.draw(2, RandomKey::root(seed))];
  EXPECT_EQ(words.count(), 13.0);  // 14 of Catalan's, less the one of depth 4
  expect_uniform(counts, 13 * 16, "words");
}

TEST(BracketMaker, QuestionsHaveTheHolesAskedForAndTheirWordSolvesThem) {
  const BracketOptions options{3, 10, 5, 0.4};
  const auto maker = bracket_maker(options);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Puzzle puzzle = maker->make(RandomKey::root(seed));
    EXPECT_EQ(puzzle.question.substr(0, 2), "5 ");
    EXPECT_EQ(std::count(puzzle.question.begin(), puzzle.question.end(), '.'), 8);
    EXPECT_TRUE(check_brackets(puzzle.question, puzzle.solution).right());
  }
}

}  // namespace
}  // namespace palimpsest
