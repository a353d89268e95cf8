#include "datasets/sources/varied_source.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/errors.h"
#include "base/random.h"
#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

DataOptions varied_data(std::int64_t copies) {
  DataOptions data = tiny_data();
  data.splits["all"].variation.copies = copies;
  return data;
}

const at::Tensor& pixels_of(const ReadResult& result) {
  return std::get<Image>(result.sample.roles.at("picture")).pixels_HWC;
}

TEST(VariedSource, EachSampleIsFollowedByItsVariants) {
  const auto plain = read_all(*open_source(tiny_data(), "all"));
  const auto varied = read_all(*open_source(varied_data(2), "all"));
  ASSERT_EQ(varied.size(), 3 * plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::string& key = plain[i].sample.key;
    EXPECT_EQ(varied[3 * i].sample.key, key);
    EXPECT_EQ(varied[3 * i + 2].sample.key, key + "~2");
    EXPECT_TRUE(pixels_of(varied[3 * i]).equal(pixels_of(plain[i])));
    EXPECT_FALSE(pixels_of(varied[3 * i + 1]).equal(pixels_of(plain[i])));
    EXPECT_FALSE(pixels_of(varied[3 * i + 1]).equal(pixels_of(varied[3 * i + 2])));
    EXPECT_EQ(pixels_of(varied[3 * i + 1]).sizes(), pixels_of(plain[i]).sizes());
    EXPECT_EQ(caption_of(varied[3 * i + 2].sample), caption_of(plain[i].sample));
  }
}

TEST(VariedSource, GoesOnInTheMiddleOfASample) {
  const DataOptions data = varied_data(2);
  const auto all = read_all(*open_source(data, "all"));
  for (const std::size_t taken : {1u, 3u, 5u, 8u}) {
    const auto rest = read_all(*open_source(data, "all", {}, {.done = static_cast<std::int64_t>(taken)}));
    ASSERT_EQ(rest.size(), all.size() - taken);
    for (std::size_t i = 0; i < rest.size(); ++i) {
      EXPECT_EQ(rest[i].sample.key, all[taken + i].sample.key);
      EXPECT_TRUE(pixels_of(rest[i]).equal(pixels_of(all[taken + i])));
    }
  }
}

TEST(VariedSource, AFailureCountsOnceAVariant) {
  const ScratchFolder scratch;
  DataOptions data = varied_data(2);
  data.splits["all"].keys = scratch.write("keys.txt", "nowhere\n").string();
  const auto results = read_all(*open_source(data, "all"));
  ASSERT_EQ(results.size(), 3u);
  for (const ReadResult& result : results) EXPECT_THAT(result.error, HasSubstr("not in the source"));
  EXPECT_TRUE(read_all(*open_source(data, "all", {}, {.done = 3})).empty());
}

TEST(VaryImage, WhiteStaysWhiteAndNoChangeIsNone) {
  const Image white{at::full({16, 16, 3}, 255, at::kByte)};
  const Image striped{at::arange(0, 16 * 16 * 3, at::kLong).remainder(251).to(at::kByte).view({16, 16, 3})};
  const VariationOptions still{1, 0.0, 0.0, 0.0, 0.0};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_TRUE(vary_image(white, {}, RandomKey::root(seed)).pixels_HWC.equal(white.pixels_HWC));
    EXPECT_TRUE(vary_image(striped, still, RandomKey::root(seed)).pixels_HWC.equal(striped.pixels_HWC));
  }
}

// A dot in the middle may go no further than the shift allows.
TEST(VaryImage, MovesNoFurtherThanAsked) {
  at::Tensor pixels_HWC = at::full({40, 40, 3}, 255, at::kByte);
  pixels_HWC.slice(0, 19, 21).slice(1, 19, 21).fill_(0);
  const VariationOptions shifted{1, 0.1, 0.0, 0.0, 0.0};
  std::set<std::int64_t> rows;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const at::Tensor darkness =
        255 - vary_image({pixels_HWC}, shifted, RandomKey::root(seed)).pixels_HWC.select(2, 0).to(at::kFloat);
    const double row = (darkness.sum(1) * at::arange(40)).sum().item<double>() / darkness.sum().item<double>();
    EXPECT_NEAR(row, 19.5, 0.1 * 40 + 0.2);
    rows.insert(std::llround(row));
  }
  EXPECT_GE(rows.size(), 5u);
}

// What was in the box is in the moved one, which is no larger than turning makes it.
TEST(VaryBoxes, MoveWithWhatTheyHold) {
  at::Tensor pixels_HWC = at::full({80, 80, 3}, 255, at::kByte);
  pixels_HWC.slice(0, 24, 40).slice(1, 32, 56).fill_(0);
  const Box box{24.0 / 80, 32.0 / 80, 40.0 / 80, 56.0 / 80};
  const VariationOptions options{1, 0.2, 0.3, 20.0, 0.0};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const RandomKey key = RandomKey::root(seed);
    const at::Tensor dark_HW = vary_image({pixels_HWC}, options, key).pixels_HWC.select(2, 0).lt(128);
    const std::vector<Box> moved = vary_boxes({box}, options, key);
    ASSERT_EQ(moved.size(), 1u);
    const at::Tensor rows = dark_HW.any(1).nonzero(), columns = dark_HW.any(0).nonzero();
    EXPECT_NEAR(moved[0].top, rows.min().item<double>() / 80, 1.5 / 80) << seed;
    EXPECT_NEAR(moved[0].bottom, (rows.max().item<double>() + 1) / 80, 1.5 / 80) << seed;
    EXPECT_NEAR(moved[0].left, columns.min().item<double>() / 80, 1.5 / 80) << seed;
    EXPECT_NEAR(moved[0].right, (columns.max().item<double>() + 1) / 80, 1.5 / 80) << seed;
  }
}

TEST(VaryBoxes, AreCutAtTheEdgesAndDroppedOutside) {
  const VariationOptions shifted{1, 0.9, 0.0, 0.0, 0.0};
  std::size_t kept = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    for (const Box& box : vary_boxes({{0.4, 0.4, 0.6, 0.6}}, shifted, RandomKey::root(seed))) {
      EXPECT_TRUE(0 <= box.top && box.top < box.bottom && box.bottom <= 1);
      EXPECT_TRUE(0 <= box.left && box.left < box.right && box.right <= 1);
      ++kept;
    }
  }
  EXPECT_GT(kept, 5u);
  EXPECT_LT(kept, 55u);
}

TEST(VariationOptions, RefusesWhatCannotBe) {
  VariationOptions options;
  options.shift = 1.5;
  EXPECT_THAT(message_of<InputError>([&] { options.validate(); }), HasSubstr("shift: must lie in 0..1"));
}

}  // namespace
}  // namespace palimpsest
