// Labels: black letters on white, as wide as asked for.
#include "modalities/media/lettering.h"

#include <gtest/gtest.h>

#include "tests/support/message.h"

namespace palimpsest {
namespace {

bool has_ink(const Image& image) { return image.pixels_HWC.lt(128).any().item<bool>(); }

TEST(Lettering, IsExactlyAsWideAsAskedAndAsHighAsItsLines) {
  const Image one = lettered("apple", 128), two = lettered("a red apple on a green table", 128);
  EXPECT_EQ(one.pixels_HWC.size(1), 128);
  EXPECT_EQ(two.pixels_HWC.size(1), 128);
  EXPECT_GT(two.pixels_HWC.size(0), one.pixels_HWC.size(0));
  EXPECT_TRUE(has_ink(one) && has_ink(two));
}

TEST(Lettering, AWordWiderThanThePictureBreaksAndNoLetterLeavesIt) {
  const Image image = lettered("incomprehensibilities", 48);
  EXPECT_GT(image.pixels_HWC.size(0), lettered("in", 48).pixels_HWC.size(0));
  EXPECT_EQ(image.pixels_HWC.select(1, 47).min().item<std::int64_t>(), 255);
}

TEST(Lettering, NothingHasNoInkAndForeignLettersAreQuestionMarks) {
  EXPECT_FALSE(has_ink(lettered("", 64)));
  EXPECT_TRUE(at::equal(lettered("\xC3\xA9t\xC3\xA9", 64).pixels_HWC, lettered("?t?", 64).pixels_HWC));
}

TEST(Lettering, APictureNarrowerThanALetterIsRefused) {
  EXPECT_NE(message_of<c10::Error>([] { lettered("a", 6); }).find("narrower than a letter"), std::string::npos);
}

}  // namespace
}  // namespace palimpsest
