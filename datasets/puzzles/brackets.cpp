#include "datasets/puzzles/brackets.h"

#include <charconv>
#include <cmath>

#include "base/shuffle.h"

namespace palimpsest {

namespace {

constexpr std::string_view kOpeners = "([{<", kClosers = ")]}>";

std::string letter_at(std::size_t at) { return "letter " + std::to_string(at + 1); }

class BracketMaker : public PuzzleMaker {
 public:
  explicit BracketMaker(const BracketOptions& options) : options_(options), words_(options.pairs, options.depth) {}

  Puzzle make(RandomKey key) const override {
    const std::string word = words_.draw(options_.types, key.fold("word"));
    std::string holed = word;
    const auto holes = static_cast<std::size_t>(std::llround(options_.holes * static_cast<double>(word.size())));
    const auto order = shuffled(word.size(), key.fold("holes"));
    for (std::size_t i = 0; i < holes; ++i) holed[order[i]] = '.';
    return {std::to_string(options_.depth) + " " + holed, word, word};
  }

 private:
  BracketOptions options_;
  BracketWords words_;
};

// The rule that the word breaks by itself.
Ruling check_word(const std::string& word, std::int64_t depth) {
  std::vector<std::pair<std::size_t, std::size_t>> open;  // type, place
  for (std::size_t at = 0; at < word.size(); ++at) {
    const std::size_t opener = kOpeners.find(word[at]), closer = kClosers.find(word[at]);
    if (opener != std::string_view::npos) {
      open.emplace_back(opener, at);
      if (static_cast<std::int64_t>(open.size()) > depth) return {"depth", letter_at(at)};
    } else if (closer == std::string_view::npos) {
      return {"letter", letter_at(at)};
    } else if (open.empty()) {
      return {"unopened", letter_at(at)};
    } else if (open.back().first != closer) {
      return {"crossed", letter_at(at)};
    } else {
      open.pop_back();
    }
  }
  if (!open.empty()) return {"unclosed", letter_at(open.back().second)};
  return {};
}

}  // namespace

void BracketOptions::validate() const {
  if (types < 1 || types > static_cast<std::int64_t>(kOpeners.size()))
    throw InputError("", "types", "must lie in 1..4");
  if (pairs < 1 || pairs > 256) throw InputError("", "pairs", "must lie in 1..256");
  if (depth < 1 || depth > pairs) throw InputError("", "depth", "must lie in 1..pairs");
  if (!(holes > 0.0 && holes <= 1.0)) throw InputError("", "holes", "must lie above 0 and up to 1");
}

BracketWords::BracketWords(std::int64_t pairs, std::int64_t depth) : pairs_(pairs), depth_(depth) {
  const auto depths = static_cast<std::size_t>(depth) + 1;
  ways_.push_back(std::vector<double>(depths));
  ways_[0][0] = 1;
  for (std::int64_t left = 1; left <= 2 * pairs; ++left) {
    const std::vector<double>& shorter = ways_.back();
    std::vector<double> now(depths);
    for (std::size_t open = 0; open < depths; ++open) {
      if (open + 1 < depths) now[open] += shorter[open + 1];
      if (open > 0) now[open] += shorter[open - 1];
    }
    ways_.push_back(std::move(now));
  }
}

std::string BracketWords::draw(std::int64_t types, RandomKey key) const {
  std::string word;
  std::vector<std::size_t> open;
  for (std::int64_t left = 2 * pairs_; left > 0; --left) {
    const auto counter = static_cast<std::uint64_t>(left);
    const std::vector<double>& next = ways_[static_cast<std::size_t>(left - 1)];
    const double opening = static_cast<std::int64_t>(open.size()) < depth_ ? next[open.size() + 1] : 0.0;
    if (key.uniform(counter) * ways_[static_cast<std::size_t>(left)][open.size()] < opening) {
      open.push_back(key.fold("type").below(static_cast<std::uint64_t>(types), counter));
      word += kOpeners[open.back()];
    } else {
      word += kClosers[open.back()];
      open.pop_back();
    }
  }
  return word;
}

std::unique_ptr<PuzzleMaker> bracket_maker(const BracketOptions& options) {
  return std::make_unique<BracketMaker>(options);
}

Ruling check_brackets(const std::string& question, const std::string& answer) {
  std::int64_t depth = 0;
  const char* end = question.data() + question.size();
  const auto [rest, error] = std::from_chars(question.data(), end, depth);
  if (error != std::errc() || rest == end || *rest != ' ') return {"question", "depth bound"};
  const std::string holed(rest + 1, end);
  if (answer.size() != holed.size()) return {"length", std::to_string(answer.size()) + " letters"};
  for (std::size_t at = 0; at < answer.size(); ++at) {
    if (holed[at] != '.' && holed[at] != answer[at]) return {"clue", letter_at(at)};
  }
  return check_word(answer, depth);
}

}  // namespace palimpsest
