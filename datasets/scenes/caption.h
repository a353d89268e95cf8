// Captions: a description in words, in many phrasings, and back exactly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "datasets/scenes/description.h"

namespace palimpsest {

// The description in words. `varied`: opening, order, synonyms, direction of relations and punctuation are drawn by the
// key; otherwise always the first choice: "a small red circle is left of a large blue square, a green star".
// c10::Error for a relation between mentions of more than one thing, and more than nine things alike.
std::string write_caption(const Description& description, bool varied, RandomKey key);

// What a caption says, ordered; nothing when it is not a caption of the grammar: an unknown word, "the" for something
// not mentioned, a relation of several things.
std::optional<Description> read_caption(std::string_view caption);

}  // namespace palimpsest
