#include "modalities/media/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "base/errors.h"

namespace palimpsest {

namespace {

unsigned byte_at(std::string_view bytes, std::size_t index) { return static_cast<unsigned char>(bytes[index]); }

// Length of the well-formed sequence at `begin`, 0 when there is none (Unicode Standard, table 3-7: no overlong forms,
// no surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view bytes, std::size_t begin) {
  const unsigned lead = byte_at(bytes, begin);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : (lead & 0xF0) == 0xE0        ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || begin + length > bytes.size()) return 0;
  const unsigned second = byte_at(bytes, begin + 1);
  const unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < lowest || second > highest) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(bytes, begin + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view bytes) {
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t length = sequence_length(bytes, begin);
    if (length == 0) return begin;
    begin += length;
  }
  return std::string_view::npos;
}

std::string normalize_nfc(std::string_view utf8) {
  const bool ascii =
      std::all_of(utf8.begin(), utf8.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
  if (ascii) return std::string(utf8);  // composed as it is
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()), static_cast<utf8proc_ssize_t>(utf8.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(composed, std::free);
  TORCH_CHECK(length >= 0, "normalize_nfc: ", utf8proc_errmsg(length));
  return std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
}

Text decode_text(std::string_view bytes, std::string_view name) {
  const std::size_t invalid = first_invalid_utf8(bytes);
  if (invalid != std::string_view::npos) {
    throw InputError(name, "byte " + std::to_string(invalid), "is not valid UTF-8");
  }
  return Text{normalize_nfc(bytes)};
}

}  // namespace palimpsest
