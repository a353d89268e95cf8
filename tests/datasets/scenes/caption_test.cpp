#include "datasets/scenes/caption.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/datasets/scenes/some_scenes.h"

namespace palimpsest {
namespace {

TEST(Caption, EveryPhrasingIsReadAsWhatItWasWrittenFrom) {
  const SceneLaw law(crowded_scenes(), "all");
  for (std::int64_t index = 0; index < 1500; ++index) {
    const SceneSample sample = law.draw(index);
    const std::string caption =
        write_caption(sample.description, true, RandomKey::root(static_cast<std::uint64_t>(index)));
    const auto read = read_caption(caption);
    ASSERT_TRUE(read) << caption;
    EXPECT_EQ(*read, sample.description) << caption;
    EXPECT_TRUE(agreement(*read, sample.scene).all()) << caption;
  }
}

TEST(Caption, OneDescriptionHasManyPhrasingsAndOnePlainOne) {
  const Description description = SceneLaw(crowded_scenes(), "all").draw(7).description;
  std::set<std::string> varied, plain;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    varied.insert(write_caption(description, true, RandomKey::root(seed)));
    plain.insert(write_caption(description, false, RandomKey::root(seed)));
  }
  EXPECT_GT(varied.size(), 190u);
  EXPECT_EQ(plain.size(), 1u);
  for (const std::string& caption : varied) EXPECT_EQ(read_caption(caption), description) << caption;
}

TEST(Caption, WordsAreTheStatedOnes) {
  Description description{{{1, Size::kSmall, Colour::kRed, Shape::kCircle},
                           {1, Size::kLarge, Colour::kBlue, Shape::kSquare},
                           {2, std::nullopt, Colour::kOrange, std::nullopt}},
                          {{0, 1, Relation::kLeftOf}}};
  EXPECT_EQ(write_caption(description, false, {}),
            "a small red circle is left of a large blue square, two orange things");
  EXPECT_EQ(read_caption("Look at two things in orange; a big blue box that is to the right of one tiny red disc."),
            ordered(description));
}

TEST(Caption, WhatIsNoCaptionIsNone) {
  for (const char* text :
       {"", "a", "a red", "red circle", "a red circle is", "a red circle is left of", "the red circle",
        "a red circle is left of the blue star", "two red circles are left of a star", "two red circles left of a star",
        "a red circle a blue star", "a red circle, a red circle", "a red circle in blue",
        "a circle is left of the circle", "a red circle left of a blue star left of a green square", "a crimson circle",
        "a picture of", "one red circles"}) {
    EXPECT_FALSE(read_caption(text)) << text;
  }
}

TEST(Agreement, TellsWhichFactsHold) {
  const Scene scene{
      3, {{Shape::kCircle, Colour::kRed, Size::kSmall, 0, 0}, {Shape::kStar, Colour::kBlue, Size::kLarge, 1, 2}}};
  const auto facts = [&scene](const char* caption) {
    std::string held;
    for (const Fact& fact : agreement(*read_caption(caption), scene).facts) held += fact.holds ? '+' : '-';
    return held;
  };
  EXPECT_EQ(facts("a red circle left of a blue star"), "++++");
  EXPECT_EQ(facts("a red circle right of a blue star"), "++-+");
  EXPECT_EQ(facts("a large red circle above a blue star"), "+--+");  // there is no such circle, so it is above nothing
  EXPECT_EQ(facts("a red circle"), "+-");
  EXPECT_EQ(facts("two things"), "++");
  EXPECT_EQ(facts("two stars"), "-+");
  EXPECT_EQ(facts("three things"), "--");
  EXPECT_DOUBLE_EQ(agreement(*read_caption("a red circle"), scene).share(), 0.5);
}

}  // namespace
}  // namespace palimpsest
