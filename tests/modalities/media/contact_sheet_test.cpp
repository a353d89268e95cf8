#include "modalities/media/contact_sheet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palimpsest {
namespace {

Image flat(int level, std::int64_t size = 3) { return {at::full({size, size, 3}, level, at::kByte)}; }

TEST(ContactSheet, EveryPictureStandsEnlargedAtItsPlaceAndAllElseIsWhite) {
  const std::vector<Image> pictures{flat(10), flat(20), flat(30), flat(40), flat(50)};
  const SheetOptions options{.columns = 2, .scale = 4, .gap = 1};
  const at::Tensor sheet_HWC = contact_sheet(pictures, options).pixels_HWC;
  EXPECT_EQ(sheet_HWC.sizes(), (std::vector<std::int64_t>{3 * 13 + 1, 2 * 13 + 1, 3}));
  at::Tensor rest_HWC = sheet_HWC.clone();
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto cell = [&](const at::Tensor& of) {
      return of.narrow(0, 1 + i / 2 * 13, 12).narrow(1, 1 + i % 2 * 13, 12);
    };
    EXPECT_TRUE(cell(sheet_HWC).eq(10 * (i + 1)).all().item<bool>()) << i;
    cell(rest_HWC).fill_(255);
  }
  EXPECT_TRUE(rest_HWC.eq(255).all().item<bool>());
}

TEST(ContactSheet, OnePictureAtScaleOneIsItself) {
  const Image picture{at::arange(4 * 4 * 3).to(at::kByte).view({4, 4, 3})};
  EXPECT_TRUE(at::equal(contact_sheet({picture}, {.columns = 6, .scale = 1, .gap = 0}).pixels_HWC, picture.pixels_HWC));
}

TEST(ContactSheet, RefusesNoneAndUnequalSizes) {
  EXPECT_THROW(contact_sheet({}, {}), c10::Error);
  EXPECT_THROW(contact_sheet({flat(1, 3), flat(1, 4)}, {}), c10::Error);
}

}  // namespace
}  // namespace palimpsest
