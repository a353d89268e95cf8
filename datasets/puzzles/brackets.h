// Bracket languages: words of matched brackets of several types (Dyck) with a bound on depth. A question is the bound
// and a word with holes, "3 (.[.]..)"; a solution is the word.
#pragma once

#include <vector>

#include "datasets/puzzles/puzzle.h"

namespace palimpsest {

struct BracketOptions {
  std::int64_t types = 2;  // of ( ) [ ] { } < >
  std::int64_t pairs = 8;  // in a word
  std::int64_t depth = 4;  // at most
  double holes = 0.5;      // share of letters that the question leaves out

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("types", self.types, "types of brackets, 1 to 4");
    visitor("pairs", self.pairs, "pairs of brackets in a word");
    visitor("depth", self.depth, "how deep brackets may lie in each other");
    visitor("holes", self.holes, "share of letters that the question leaves out");
  }
  void validate() const;
};

// Words uniform over all of the type's, length and depth: a step opens with the share of the words that go on so.
class BracketWords {
 public:
  BracketWords(std::int64_t pairs, std::int64_t depth);
  // Number of shapes, types apart (exact below 2^53).
  double count() const { return ways_.back().front(); }
  std::string draw(std::int64_t types, RandomKey key) const;

 private:
  std::int64_t pairs_, depth_;
  std::vector<std::vector<double>> ways_;  // [letters left][depth]: how many ways close everything
};

std::unique_ptr<PuzzleMaker> bracket_maker(const BracketOptions& options);

// Rules: question, length, letter, clue, unopened (closes what is not open), crossed (closes another type), depth,
// unclosed.
Ruling check_brackets(const std::string& question, const std::string& answer);

}  // namespace palimpsest
