#include "modalities/media/text.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace palimpsest {
namespace {

constexpr std::size_t kValid = std::string_view::npos;

TEST(Text, FindsTheFirstInvalidByte) {
  EXPECT_EQ(first_invalid_utf8(""), kValid);
  EXPECT_EQ(first_invalid_utf8("plain"), kValid);
  EXPECT_EQ(first_invalid_utf8("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8D\x8E"), kValid);
  EXPECT_EQ(first_invalid_utf8("ab\xFF"), 2u);
  EXPECT_EQ(first_invalid_utf8("a\xC0\xAF"), 1u) << "overlong";
  EXPECT_EQ(first_invalid_utf8("\xE0\x80\xAF"), 0u) << "overlong";
  EXPECT_EQ(first_invalid_utf8("\xF0\x80\x80\x80"), 0u) << "overlong";
  EXPECT_EQ(first_invalid_utf8("x\xED\xA0\x80"), 1u) << "surrogate";
  EXPECT_EQ(first_invalid_utf8("\xF4\x90\x80\x80"), 0u) << "above U+10FFFF";
  EXPECT_EQ(first_invalid_utf8("abc\xE2\x82"), 3u) << "truncated";
  EXPECT_EQ(first_invalid_utf8("\x80"), 0u) << "continuation without a lead";
}

// Every code point in its one well-formed spelling, and no surrogate.
TEST(Text, AcceptsExactlyTheScalarValues) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; code += code < 0x900 || code > 0xD000 ? 1 : 7) {
    std::string bytes;
    if (code < 0x80) {
      bytes = {static_cast<char>(code)};
    } else if (code < 0x800) {
      bytes = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    } else if (code < 0x10000) {
      bytes = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
               static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      bytes = {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3F)),
               static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
    }
    ASSERT_EQ(first_invalid_utf8(bytes) == kValid, code < 0xD800 || code > 0xDFFF) << std::hex << code;
  }
}

TEST(Text, NormalisesToNfc) {
  EXPECT_EQ(normalize_nfc("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(normalize_nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "\xED\x95\x9C");  // Hangul jamo
  EXPECT_EQ(normalize_nfc(std::string_view("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_EQ(normalize_nfc("\xEF\xAC\x81"), "\xEF\xAC\x81") << "ligatures are not taken apart";
}

TEST(Text, InvalidUtf8IsNamedWithItsPlace) {
  try {
    decode_text("red \xFFpple", "caption of apple-1");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "caption of apple-1: byte 4: is not valid UTF-8");
  }
}

}  // namespace
}  // namespace palimpsest
