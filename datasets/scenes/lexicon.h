// The words of captions: one table that captions are written from and read by.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace palimpsest {

enum class WordKind {
  kOpening,    // "we see"
  kArticle,    // "a"
  kDefinite,   // "the"
  kNumber,     // value: how many
  kSize,       // value: a Size
  kColour,     // value: a Colour
  kNoun,       // value: a Shape, or kAnyShape
  kNouns,      // the same, several of them
  kIn,         // "in", between noun and colour
  kLink,       // "is"
  kRelative,   // "that is"
  kRelation,   // value: a Relation
  kConverse,   // value: a Relation, its subject and object exchanged
  kSeparator,  // between clauses
};

inline constexpr std::int64_t kAnyShape = -1;

struct Word {
  WordKind kind;
  std::int64_t value;
  std::string_view text;  // words with single spaces; the first of a kind and value is the plain choice
};

const std::vector<Word>& lexicon();

// The texts of one kind and value.
std::vector<std::string_view> words_for(WordKind kind, std::int64_t value = 0);

// The words of a text, lower-cased and joined to the longest phrases of the lexicon; nothing when one is not in it.
std::optional<std::vector<Word>> read_words(std::string_view text);

}  // namespace palimpsest
