// Shapes: N samples.
#include "datasets/scenes/tones.h"

#include <gtest/gtest.h>

#include "tests/datasets/scenes/some_scenes.h"

namespace palimpsest {
namespace {

const Attributes kAllAttributes{Attribute::kShape, Attribute::kColour, Attribute::kSize};

TEST(SceneTones, AreReadBackExactly) {
  const SceneLaw law(crowded_scenes(), "all");
  for (std::int64_t index = 0; index < 40; ++index) {
    const Scene scene = law.draw(index).scene;
    const Audio tones = sound_tones(scene, kAllAttributes, index % 2 == 0 ? 16'000 : 8'000);
    EXPECT_EQ(tones.samples_N.numel(), std::llround(tones_seconds(4) * static_cast<double>(tones.sample_rate)));
    EXPECT_EQ(read_tones(tones, 4, kAllAttributes), scene) << canonical(scene);
  }
}

TEST(SceneTones, EveryThingHasItsOwnSound) {
  for (std::int64_t number = 0; number < kNumShapes * kNumColours * kNumSizes; ++number) {
    Thing thing;
    thing.shape = static_cast<Shape>(number % kNumShapes);
    thing.colour = static_cast<Colour>(number / kNumShapes % kNumColours);
    thing.size = static_cast<Size>(number / kNumShapes / kNumColours);
    const Scene scene{1, {thing}};
    EXPECT_EQ(read_tones(sound_tones(scene, kAllAttributes, 22'050), 1, kAllAttributes), scene) << canonical(scene);
  }
}

TEST(SceneTones, NoiseIsHeardThrough) {
  const SceneLaw law(plain_scenes(), "all");
  for (std::int64_t index = 0; index < 10; ++index) {
    const Scene scene = law.draw(index).scene;
    Audio tones = sound_tones(scene, kAllAttributes, 16'000);
    tones.samples_N = 0.5 * tones.samples_N +
                      0.02 * normal(RandomKey::root(static_cast<std::uint64_t>(index)), tones.samples_N.sizes());
    EXPECT_EQ(read_tones(tones, 3, kAllAttributes), scene) << canonical(scene);
  }
}

TEST(SceneTones, WhatIsNotToldSoundsAlike) {
  const Scene red{2, {{Shape::kStar, Colour::kRed, Size::kLarge, 0, 1}}},
      blue{2, {{Shape::kStar, Colour::kBlue, Size::kLarge, 0, 1}}};
  const Attributes no_colour{Attribute::kShape, Attribute::kSize};
  const Audio tones = sound_tones(blue, no_colour, 16'000);
  EXPECT_TRUE(tones.samples_N.equal(sound_tones(red, no_colour, 16'000).samples_N));
  EXPECT_EQ(read_tones(tones, 2, no_colour), red);
  EXPECT_TRUE(agreement(blue, read_tones(tones, 2, no_colour), no_colour).all());
}

TEST(SceneTones, ASoundThatEndsEarlyHasSilentCells) {
  const Scene scene{
      2, {{Shape::kStar, Colour::kRed, Size::kLarge, 0, 0}, {Shape::kCross, Colour::kBlue, Size::kSmall, 1, 1}}};
  Audio tones = sound_tones(scene, kAllAttributes, 16'000);
  tones.samples_N = tones.samples_N.slice(0, 0, tones.samples_N.numel() / 2);
  EXPECT_EQ(read_tones(tones, 2, kAllAttributes).things.size(), 1u);
  EXPECT_TRUE(read_tones({tones.samples_N.slice(0, 0, 0), 16'000}, 2, kAllAttributes).things.empty());
}

}  // namespace
}  // namespace palimpsest
