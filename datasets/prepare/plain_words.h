// A text's words without what writes them differently.
#pragma once

#include <string>
#include <string_view>

namespace palimpsest {

// Lower case (of ASCII), every run of what is neither letter, digit nor beyond ASCII one blank, and a blank at both
// ends.
std::string plain_words(std::string_view utf8);

}  // namespace palimpsest
