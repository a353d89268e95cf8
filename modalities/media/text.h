// Text: UTF-8 checked, NFC normalised.
#pragma once

#include <string_view>

#include "modalities/media/media.h"

namespace palimpsest {

// `name` is what errors call the text (a path, "caption of KEY"). InputError names the byte offset of the first bad
// sequence (overlong, surrogate, truncated).
Text decode_text(std::string_view bytes, std::string_view name);

// Offset of the first byte that is not valid UTF-8, or npos.
std::size_t first_invalid_utf8(std::string_view bytes);

// Unicode NFC of valid UTF-8. Unicode Standard Annex 15.
std::string normalize_nfc(std::string_view utf8);

}  // namespace palimpsest
