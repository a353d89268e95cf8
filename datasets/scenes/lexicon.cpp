#include "datasets/scenes/lexicon.h"

#include <algorithm>
#include <string>

#include "datasets/scenes/scene.h"

namespace palimpsest {

namespace {

constexpr std::string_view kPunctuation = ",;.";

template <class Enum>
Word word(WordKind kind, Enum value, std::string_view text) {
  return {kind, static_cast<std::int64_t>(value), text};
}

// What holds captions together.
std::vector<Word> words_of_grammar() {
  using enum WordKind;
  return {{kOpening, 0, "a picture of"},
          {kOpening, 0, "we see"},
          {kOpening, 0, "this shows"},
          {kOpening, 0, "look at"},
          {kArticle, 0, "a"},
          {kArticle, 0, "one"},
          {kArticle, 0, "an"},
          {kDefinite, 0, "the"},
          {kNumber, 2, "two"},
          {kNumber, 3, "three"},
          {kNumber, 4, "four"},
          {kNumber, 5, "five"},
          {kNumber, 6, "six"},
          {kNumber, 7, "seven"},
          {kNumber, 8, "eight"},
          {kNumber, 9, "nine"},
          {kIn, 0, "in"},
          {kLink, 0, "is"},
          {kLink, 0, "lies"},
          {kRelative, 0, "that is"},
          {kRelative, 0, "which is"},
          {kSeparator, 0, ","},
          {kSeparator, 0, ";"},
          {kSeparator, 0, "."},
          {kSeparator, 0, "and"}};
}

void add_attributes(std::vector<Word>& words) {
  for (const auto& [size, texts] : {std::pair{Size::kSmall, std::array{"small", "little", "tiny"}},
                                    std::pair{Size::kLarge, std::array{"large", "big", "huge"}}}) {
    for (const char* text : texts) words.push_back(word(WordKind::kSize, size, text));
  }
  for (const auto& [colour, text] : enum_names(Colour{})) words.push_back(word(WordKind::kColour, colour, text));
  words.push_back(word(WordKind::kColour, Colour::kPurple, "violet"));
}

// Two words for one of the shape, two for several.
void add_nouns(std::vector<Word>& words) {
  words.push_back({WordKind::kNoun, kAnyShape, "thing"});
  words.push_back({WordKind::kNouns, kAnyShape, "things"});
  const std::vector<std::array<const char*, 4>> nouns{
      {"circle", "disc", "circles", "discs"},       {"square", "box", "squares", "boxes"},
      {"triangle", "wedge", "triangles", "wedges"}, {"diamond", "rhombus", "diamonds", "rhombuses"},
      {"cross", "plus", "crosses", "pluses"},       {"star", "asterisk", "stars", "asterisks"}};
  for (std::size_t shape = 0; shape < nouns.size(); ++shape) {
    for (std::size_t i = 0; i < 4; ++i)
      words.push_back(word(i < 2 ? WordKind::kNoun : WordKind::kNouns, shape, nouns[shape][i]));
  }
}

// Two words for the relation, two for its converse.
void add_relations(std::vector<Word>& words) {
  const auto add = [&words](Relation relation, std::array<const char*, 4> texts) {
    for (std::size_t i = 0; i < 4; ++i)
      words.push_back(word(i < 2 ? WordKind::kRelation : WordKind::kConverse, relation, texts[i]));
  };
  add(Relation::kLeftOf, {"left of", "to the left of", "right of", "to the right of"});
  add(Relation::kAbove, {"above", "over", "below", "under"});
  add(Relation::kInside, {"inside", "within", "around", "surrounding"});
  add(Relation::kNextTo, {"next to", "beside", "next to", "beside"});
}

std::vector<Word> make_lexicon() {
  std::vector<Word> words = words_of_grammar();
  add_attributes(words);
  add_nouns(words);
  add_relations(words);
  return words;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;
  for (const char letter : text) {
    if (letter == ' ') {
      open = false;
    } else if (kPunctuation.find(letter) != std::string_view::npos) {
      words.emplace_back(1, letter);
      open = false;
    } else {
      if (!open) words.emplace_back();
      words.back() += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
      open = true;
    }
  }
  return words;
}

// How many of the words from `at` on are the phrase; 0 when they are not.
std::size_t matched(const std::vector<std::string>& words, std::size_t at, std::string_view phrase) {
  const std::vector<std::string> wanted = split_words(phrase);
  if (at + wanted.size() > words.size()) return 0;
  return std::equal(wanted.begin(), wanted.end(), words.begin() + static_cast<std::ptrdiff_t>(at)) ? wanted.size() : 0;
}

}  // namespace

const std::vector<Word>& lexicon() {
  static const std::vector<Word> words = make_lexicon();
  return words;
}

std::vector<std::string_view> words_for(WordKind kind, std::int64_t value) {
  std::vector<std::string_view> texts;
  for (const Word& entry : lexicon()) {
    if (entry.kind == kind && entry.value == value) texts.push_back(entry.text);
  }
  return texts;
}

std::optional<std::vector<Word>> read_words(std::string_view text) {
  const std::vector<std::string> words = split_words(text);
  std::vector<Word> read;
  for (std::size_t at = 0; at < words.size();) {
    const Word* best = nullptr;
    std::size_t longest = 0;
    for (const Word& entry : lexicon()) {
      const std::size_t length = matched(words, at, entry.text);
      if (length > longest) {
        longest = length;
        best = &entry;
      }
    }
    if (!best) return std::nullopt;
    read.push_back(*best);
    at += longest;
  }
  return read;
}

}  // namespace palimpsest
