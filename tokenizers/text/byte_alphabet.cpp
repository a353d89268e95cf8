#include "tokenizers/text/byte_alphabet.h"

#include <array>
#include <map>

#include "base/errors.h"

namespace palimpsest {

namespace {

// Printable Latin-1 stands for itself; the other bytes, in order, become the code points from 256 on.
bool stands_for_itself(int byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174; }

std::string two_byte_utf8(int point) {
  if (point < 0x80) return std::string(1, static_cast<char>(point));
  return {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3F))};
}

const std::array<std::string, 256>& alphabet() {
  static const std::array<std::string, 256> letters = [] {
    std::array<std::string, 256> made;
    int next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      made[static_cast<std::size_t>(byte)] = two_byte_utf8(stands_for_itself(byte) ? byte : next++);
    }
    return made;
  }();
  return letters;
}

}  // namespace

std::string spell_bytes(std::string_view bytes) {
  std::string spelled;
  for (const char byte : bytes) spelled += alphabet()[static_cast<unsigned char>(byte)];
  return spelled;
}

std::string unspell_bytes(std::string_view spelled) {
  static const std::map<std::string, char, std::less<>> byte_of = [] {
    std::map<std::string, char, std::less<>> made;
    for (int byte = 0; byte < 256; ++byte) made[alphabet()[static_cast<std::size_t>(byte)]] = static_cast<char>(byte);
    return made;
  }();
  std::string bytes;
  for (std::size_t at = 0; at < spelled.size();) {
    const std::size_t width = (static_cast<unsigned char>(spelled[at]) & 0x80) != 0 ? 2 : 1;
    const auto found = byte_of.find(spelled.substr(at, width));
    if (found == byte_of.end())
      throw InputError("", "", "'" + std::string(spelled) + "' has a character outside the byte alphabet");
    bytes += found->second;
    at += width;
  }
  return bytes;
}

}  // namespace palimpsest
