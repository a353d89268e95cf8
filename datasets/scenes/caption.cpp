#include "datasets/scenes/caption.h"

#include <algorithm>
#include <set>

#include "base/shuffle.h"
#include "datasets/scenes/lexicon.h"

namespace palimpsest {

namespace {

// Draws among alternatives; always the first when nothing is varied.
class PhraseChoice {
 public:
  PhraseChoice(bool varied, RandomKey key) : varied_(varied), key_(key) {}

  std::size_t below(std::size_t bound) { return varied_ ? key_.below(bound, draws_++) : 0; }
  std::string word(WordKind kind, std::int64_t value = 0) {
    const auto texts = words_for(kind, value);
    return std::string(texts.at(below(texts.size())));
  }
  template <class Enum>
  std::string word_of(WordKind kind, Enum value) {
    return word(kind, static_cast<std::int64_t>(value));
  }
  std::vector<std::size_t> order(std::size_t size) {
    return varied_ ? shuffled(size, key_.fold("order")) : counted(size);
  }

 private:
  bool varied_;
  RandomKey key_;
  std::uint64_t draws_ = 0;
};

class CaptionWriter {
 public:
  CaptionWriter(const Description& description, PhraseChoice choice) : description_(description), choice_(choice) {}

  std::string write() {
    const bool opens = choice_.below(2) == 1;
    if (opens) text_ = choice_.word(WordKind::kOpening) + " ";
    links_ = words_for(opens ? WordKind::kRelative : WordKind::kLink);
    if (opens || choice_.below(2) == 1) links_.insert(links_.begin(), "");
    const std::vector<std::string> clauses = this->clauses();
    const auto separators = std::to_array<std::pair<const char*, const char*>>(
        {{", ", ", "}, {", ", " and "}, {"; ", "; "}, {". ", ". "}, {" and ", " and "}});
    const auto [between, last] = separators.at(choice_.below(separators.size()));
    for (std::size_t i = 0; i < clauses.size(); ++i) {
      if (i > 0) text_ += i + 1 < clauses.size() ? between : last;
      text_ += clauses[i];
    }
    return text_;
  }

 private:
  // One a relation, and one for each mention that is in none of them.
  std::vector<std::string> clauses() {
    std::set<std::size_t> related;
    for (const ToldRelation& told : description_.relations) related.insert({told.subject, told.object});
    std::vector<std::size_t> alone;
    for (std::size_t i = 0; i < description_.mentions.size(); ++i) {
      if (!related.contains(i)) alone.push_back(i);
    }
    const std::size_t count = description_.relations.size();
    std::vector<std::string> texts;
    for (const std::size_t place : choice_.order(count + alone.size()))
      texts.push_back(place < count ? relation(description_.relations[place]) : mention(alone[place - count]));
    return texts;
  }

  std::string relation(const ToldRelation& told) {
    const bool converse = choice_.below(2) == 1;
    const std::string first = mention(converse ? told.object : told.subject);
    const std::string link(links_.at(choice_.below(links_.size())));
    const std::string word = choice_.word_of(converse ? WordKind::kConverse : WordKind::kRelation, told.relation);
    return first + (link.empty() ? "" : " " + link) + " " + word + " " + mention(converse ? told.subject : told.object);
  }

  // "two red circles"; of what was mentioned before, "the red circle".
  std::string mention(std::size_t number) {
    const Mention& told = description_.mentions.at(number);
    const bool known = !mentioned_.insert(number).second;
    TORCH_CHECK(!known || told.count == 1, "write_caption: a relation of several things");
    const bool colour_last = told.colour && choice_.below(4) == 3;
    std::string words;
    if (told.size) words += choice_.word_of(WordKind::kSize, *told.size) + " ";
    if (told.colour && !colour_last) words += choice_.word_of(WordKind::kColour, *told.colour) + " ";
    words += choice_.word(told.count == 1 ? WordKind::kNoun : WordKind::kNouns,
                          told.shape ? static_cast<std::int64_t>(*told.shape) : kAnyShape);
    if (colour_last) words += " in " + choice_.word_of(WordKind::kColour, *told.colour);
    if (known) return "the " + words;
    if (told.count > 1) return choice_.word(WordKind::kNumber, told.count) + " " + words;
    if (choice_.below(4) == 3) return "one " + words;
    return (std::string_view("aeiou").find(words.front()) == std::string_view::npos ? "a " : "an ") + words;
  }

  const Description& description_;
  PhraseChoice choice_;
  std::string text_;
  std::vector<std::string_view> links_;
  std::set<std::size_t> mentioned_;
};

// caption = [opening] clause {separators clause} [separators]; clause = thing [[link] relation thing].
class CaptionReader {
 public:
  explicit CaptionReader(std::vector<Word> words) : words_(std::move(words)) {}

  std::optional<Description> read() {
    take(WordKind::kOpening);
    do {
      if (!clause()) return std::nullopt;
    } while (separated() && !at_end());
    return at_end() ? std::optional(ordered(description_)) : std::nullopt;
  }

 private:
  bool at_end() const { return next_ == words_.size(); }

  // The next word when it is of the kind.
  const Word* take(WordKind kind) {
    if (at_end() || words_[next_].kind != kind) return nullptr;
    return &words_[next_++];
  }

  bool separated() {
    bool any = false;
    while (take(WordKind::kSeparator)) any = true;
    return any;
  }

  bool clause() {
    const auto first = mention();
    if (!first) return false;
    const bool linked = take(WordKind::kLink) || take(WordKind::kRelative);
    const bool converse = !at_end() && words_[next_].kind == WordKind::kConverse;
    const Word* relation = take(converse ? WordKind::kConverse : WordKind::kRelation);
    if (!relation) return !linked;
    const auto second = mention();
    if (!second || *second == *first || !single(*first) || !single(*second)) return false;
    description_.relations.push_back(
        {converse ? *second : *first, converse ? *first : *second, static_cast<Relation>(relation->value)});
    return true;
  }

  bool single(std::size_t number) const { return description_.mentions[number].count == 1; }

  std::optional<std::size_t> mention() {
    Mention told;
    const bool known = take(WordKind::kDefinite);
    if (!known && !take(WordKind::kArticle)) {
      const Word* number = take(WordKind::kNumber);
      if (!number) return std::nullopt;
      told.count = number->value;
    }
    if (!attributes(told)) return std::nullopt;
    const auto found = std::find(description_.mentions.begin(), description_.mentions.end(), told);
    const auto number = static_cast<std::size_t>(found - description_.mentions.begin());
    const bool there = found != description_.mentions.end();
    if (known != there) return std::nullopt;  // "the" names what was mentioned, everything else what was not
    if (!there) description_.mentions.push_back(told);
    return number;
  }

  bool attributes(Mention& told) {
    if (const Word* size = take(WordKind::kSize)) told.size = static_cast<Size>(size->value);
    if (const Word* colour = take(WordKind::kColour)) told.colour = static_cast<Colour>(colour->value);
    const Word* noun = take(told.count == 1 ? WordKind::kNoun : WordKind::kNouns);
    if (!noun) return false;
    if (noun->value != kAnyShape) told.shape = static_cast<Shape>(noun->value);
    if (!take(WordKind::kIn)) return true;
    const Word* colour = take(WordKind::kColour);
    if (!colour || told.colour) return false;
    told.colour = static_cast<Colour>(colour->value);
    return true;
  }

  std::vector<Word> words_;
  std::size_t next_ = 0;
  Description description_;
};

}  // namespace

std::string write_caption(const Description& description, bool varied, RandomKey key) {
  return CaptionWriter(description, {varied, key}).write();
}

std::optional<Description> read_caption(std::string_view caption) {
  auto words = read_words(caption);
  return words ? CaptionReader(std::move(*words)).read() : std::nullopt;
}

}  // namespace palimpsest
