#include "pipelines/film.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

class FilmOfASample : public testing::Test {
 protected:
  FilmOfASample() {
    SamplerOptions options;
    options.steps = 4;
    const TokenCanvas start =
        query_canvas(schema, tokenizers, {{{}, {}, {"caption", "picture"}}, {{}, {}, {"caption", "picture"}}});
    result = Sampler(tiny_model(), options).run(start, sample_keys(6, 0, 2));
  }
  Film film() const { return {schema, tokenizers, result.canvas, result.trace}; }

  CanvasSchema schema = tiny_schema();
  RoleTokenizers tokenizers = tiny_tokenizers();
  SampleResult result;
};

TEST_F(FilmOfASample, PicturesTurnFromGreyToWhatWasMade) {
  const Image strip = picture_strip(film(), "picture", film_steps(result.trace, 5));
  ASSERT_EQ(strip.pixels_HWC.sizes(), (std::vector<std::int64_t>{8, 20, 3}));
  EXPECT_TRUE(
      strip.pixels_HWC.slice(1, 0, 4).eq(200).all().item<bool>());  // levels are multiples of 64: grey is no level
  std::int64_t before = 32;
  for (std::int64_t frame = 1; frame < 5; ++frame) {
    const auto grey =
        strip.pixels_HWC.slice(1, 4 * frame, 4 * frame + 4).select(2, 0).eq(200).sum().item<std::int64_t>();
    EXPECT_LT(grey, before);
    before = grey;
  }
  EXPECT_EQ(before, 0);
  const auto made = read_media(schema, tokenizers, result.canvas, {"picture"});
  EXPECT_TRUE(
      at::equal(strip.pixels_HWC.slice(0, 4, 8).slice(1, 16, 20), std::get<Image>(made[1].at("picture")).pixels_HWC));
}

TEST_F(FilmOfASample, TextShowsAShadeForEachOpenId) {
  const std::string lines = text_strip(film(), "caption", {0, 4});
  const auto made = read_media(schema, tokenizers, result.canvas, {"caption"});
  std::string shades;
  for (int i = 0; i < 5; ++i) shades += "\xE2\x96\x91";
  for (std::size_t sample = 0; sample < 2; ++sample) {
    EXPECT_THAT(lines, testing::HasSubstr("caption " + std::to_string(sample) + "\n  0: " + shades +
                                          "\n  4: " + std::get<Text>(made[sample].at("caption")).utf8 + "\n"));
  }
}

TEST(FilmSteps, RunFromNothingToAll) {
  const Trace trace{{}, 16, {}};
  EXPECT_EQ(film_steps(trace, 5), (std::vector<std::int64_t>{0, 4, 8, 12, 16}));
  EXPECT_EQ(film_steps({{}, 2, {}}, 9), (std::vector<std::int64_t>{0, 1, 2}));
}

}  // namespace
}  // namespace palimpsest::test
