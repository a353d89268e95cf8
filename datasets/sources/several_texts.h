// A text that comes in several wordings, and the keys of samples that have one of them each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datasets/sources/data_options.h"

namespace palimpsest {

// The wordings that a role takes from a text: the text itself, or its lines that are not empty when the role asks for
// several or has a prefix (which is cut off).
std::vector<std::string_view> wordings_of(std::string_view text, const RoleOptions& role);

// Those of them that the sample gets: one, or all for kEach. InputError naming `name`: several where the role takes the
// whole.
std::vector<std::string_view> choose_wordings(std::vector<std::string_view> wordings, const RoleOptions& role,
                                              const std::string& key, const std::string& name);

// The text in pieces of at most so many bytes (at least 4), which make it up again end to end: cut at the last
// paragraph, line, sentence or word of a piece's second half, whichever is found first in this order, else between two
// characters.
std::vector<std::string_view> split_text(std::string_view text, std::int64_t bytes);

// KEY#2of5: the second of five samples that one group of members makes, by its texts or, of a film, by its clips. KEY
// itself when it is the only one.
std::string wording_key(const std::string& key, std::size_t index, std::size_t count);
// KEY of KEY#2of5 and of KEY#2of5#1of3; other keys as they are.
std::string without_wording(const std::string& key);

}  // namespace palimpsest
