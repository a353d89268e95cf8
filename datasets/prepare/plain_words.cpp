#include "datasets/prepare/plain_words.h"

namespace palimpsest {

std::string plain_words(std::string_view utf8) {
  std::string plain = " ";
  for (const char c : utf8) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool part = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || (lower & 0x80) != 0;
    if (part) plain += lower;
    if (!part && plain.back() != ' ') plain += ' ';
  }
  return plain.back() == ' ' ? plain : plain + ' ';
}

}  // namespace palimpsest
