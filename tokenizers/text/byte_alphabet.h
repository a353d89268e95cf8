// The byte-level alphabet of GPT-2's files: each of the 256 bytes is written as one printable character.
#pragma once

#include <string>
#include <string_view>

namespace palimpsest {

// Bytes to the alphabet's characters (UTF-8) and back. InputError("", "", ...) for a character that is not in the
// alphabet.
std::string spell_bytes(std::string_view bytes);
std::string unspell_bytes(std::string_view spelled);

}  // namespace palimpsest
