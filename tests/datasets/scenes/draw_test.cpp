#include "datasets/scenes/draw.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/recipe.h"
#include "tests/datasets/scenes/some_scenes.h"
#include "tests/datasets/uniform.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TEST(SceneLaw, IsUniformOverWhatTheRecipeSays) {
  SceneOptions options = plain_scenes();
  options.alike = 2;
  const SceneLaw law(options, "all");
  std::map<std::string, std::int64_t> kinds, pairs, sizes, cells, alike, relations;
  for (std::int64_t index = 0; index < 4000; ++index) {
    const SceneSample sample = law.draw(index);
    std::map<std::string, std::int64_t> of_pair;
    for (const Thing& thing : sample.scene.things) {
      ++of_pair[name_of(thing, {Attribute::kShape, Attribute::kColour})];
      ++cells[std::to_string(thing.row) + std::to_string(thing.column)];
      ++sizes[enum_name(thing.size)];
    }
    ++kinds[std::to_string(of_pair.size())];
    for (const auto& [pair, count] : of_pair) {
      ++pairs[pair];
      ++alike[std::to_string(count)];
    }
    EXPECT_LE(sample.description.relations.size(), 1u);
  }
  expect_uniform(kinds, 3, "number of kinds");
  expect_uniform(pairs, 48, "shape and colour");
  expect_uniform(cells, 9, "cell");
  expect_uniform(alike, 2, "number alike");
  EXPECT_EQ(sizes.size(), 2u);
}

TEST(SceneLaw, OneThingIsUniformOverEverythingItCanBe) {
  SceneOptions options = plain_scenes();
  options.grid = 2;
  options.most = 1;
  options.shapes = {Shape::kStar, Shape::kCross, Shape::kCircle};
  options.colours = {Colour::kBlack, Colour::kCyan};
  std::map<std::string, std::int64_t> scenes;
  const SceneLaw law(options, "all");
  for (std::int64_t index = 0; index < 6000; ++index) ++scenes[canonical(law.draw(index).scene)];
  expect_uniform(scenes, 3 * 2 * 2 * 4, "scene");
}

TEST(SceneLaw, NestedScenesComeAsOftenAsAskedAndAreWellFormed) {
  SceneOptions options = crowded_scenes();
  options.fewest = 2;
  const SceneLaw law(options, "all");
  std::int64_t nested = 0;
  for (std::int64_t index = 0; index < 2000; ++index) {
    const Scene scene = law.draw(index).scene;
    for (std::size_t i = 0; i < scene.things.size(); ++i) {
      if (!scene.things[i].inside) continue;
      ++nested;
      ASSERT_GT(i, 0u);
      EXPECT_TRUE(holds(Relation::kInside, scene.things[i], scene.things[i - 1]));
      EXPECT_EQ(scene.things[i - 1].size, Size::kLarge);
      EXPECT_NE(scene.things[i - 1].colour, scene.things[i].colour);
    }
  }
  EXPECT_NEAR(static_cast<double>(nested), 800.0, 5.0 * std::sqrt(2000 * 0.4 * 0.6));
}

TEST(SceneLaw, HeldOutCombinationsAreInNoSceneOfTraining) {
  SceneOptions options = crowded_scenes();
  options.held_out = {"red circle", "blue star", "circle left of square", "star inside square"};
  options.splits["train"].samples = options.splits["unseen"].samples = options.splits["mixed"].samples = 100;
  options.splits["unseen"].held_out = Combinations::kSome;
  options.splits["mixed"].held_out = Combinations::kAny;
  options.validate();
  const auto with_some = [&](const char* split) {
    const SceneLaw law(options, split);
    std::int64_t count = 0;
    for (std::int64_t index = 0; index < 300; ++index) {
      const Scene scene = law.draw(index).scene;
      count += std::any_of(options.held_out.begin(), options.held_out.end(),
                           [&](const std::string& text) { return has_combination(scene, parse_combination(text)); });
    }
    return count;
  };
  EXPECT_EQ(with_some("train"), 0);
  EXPECT_EQ(with_some("unseen"), 300);
  EXPECT_GT(with_some("mixed"), 30);
  EXPECT_LT(with_some("mixed"), 270);
}

TEST(SceneLaw, IsAPureFunctionOfSeedSplitAndIndex) {
  SceneOptions options = crowded_scenes();
  options.splits["other"].samples = 1;
  const SceneLaw law(options, "all"), again(options, "all"), other(options, "other");
  EXPECT_EQ(law.draw(5).scene, again.draw(5).scene);
  EXPECT_EQ(law.draw(5).caption(options), again.draw(5).caption(options));
  EXPECT_FALSE(law.draw(5).scene == law.draw(6).scene);
  EXPECT_FALSE(law.draw(5).scene == other.draw(5).scene);
  options.seed = 1;
  EXPECT_FALSE(law.draw(5).scene == SceneLaw(options, "all").draw(5).scene);
}

TEST(SceneLaw, ASplitMayHaveOtherNumbersAndAShareOfTheScenes) {
  SceneOptions options = plain_scenes();
  options.splits["long"].fewest = options.splits["long"].most = 4;
  EXPECT_EQ(SceneLaw(options, "long").draw(0).scene.things.size(), 4u);
  const SceneLaw even(options, "all", [](const std::string& text) { return text.size() % 2 == 0; });
  for (std::int64_t index = 0; index < 50; ++index) EXPECT_EQ(canonical(even.draw(index).scene).size() % 2, 0u);
  EXPECT_THAT(
      message_of<InputError>([&] { SceneLaw(options, "all", [](const std::string&) { return false; }).draw(0); }),
      HasSubstr("the split may have none of them"));
  EXPECT_THAT(message_of<InputError>([&] { SceneLaw(options, "nowhere"); }),
              HasSubstr("data.scenes.splits.nowhere: is missing"));
}

TEST(SceneMark, ChangesWithEveryFactThatDecidesIt) {
  const Scene scene{
      3, {{Shape::kStar, Colour::kBlue, Size::kLarge, 0, 1}, {Shape::kCross, Colour::kRed, Size::kSmall, 2, 0}}};
  Scene other = scene;
  other.things[1].shape = Shape::kSquare;
  EXPECT_EQ(mark_of(scene, 1), 2);
  EXPECT_EQ(mark_of(scene, 2), 2 + 5);
  EXPECT_EQ(mark_of(scene, 5), mark_of(other, 5));
  EXPECT_NE(mark_of(scene, 6), mark_of(other, 6));
}

TEST(Scene, IsReadBackFromItsJson) {
  const SceneLaw law(crowded_scenes(), "all");
  for (std::int64_t index = 0; index < 50; ++index) {
    const Scene scene = law.draw(index).scene;
    EXPECT_EQ(scene_from_json(to_json(scene), "x"), scene);
  }
  EXPECT_THAT(message_of<InputError>([] {
                scene_from_json({{"grid", 3}, {"things", {{{"shape", "cirkle"}}}}}, "row 7");
              }),
              HasSubstr("row 7"));
}

TEST(SceneOptions, RefuseWhatCannotBe) {
  const auto refused = [](const std::string& text) {
    return message_of<InputError>([&] { read_options<SceneOptions>(toml::parse(text), "r.toml", "data.scenes"); });
  };
  EXPECT_THAT(refused("colours = ['rad']"), HasSubstr("did you mean 'red'?"));
  EXPECT_THAT(refused("held_out = ['red']"), HasSubstr("is neither a colour and a shape"));
  EXPECT_THAT(refused("held_out = ['circle lefd of star']"), HasSubstr("did you mean 'left of'?"));
  EXPECT_THAT(refused("grid = 2\nmost = 5"), HasSubstr("more than the grid has cells"));
  EXPECT_THAT(refused("fewest = 3\nmost = 2"), HasSubstr("1 <= fewest <= most is needed"));
  EXPECT_THAT(refused("nested = 0.5\nsizes = ['small']"), HasSubstr("needs both sizes"));
  EXPECT_THAT(refused("[splits.x]\nsamples = 5\nheld_out = 'some'"), HasSubstr("held_out names no combination"));
  EXPECT_THAT(refused("shapes = ['star', 'star']"), HasSubstr("names 'star' twice"));
}

}  // namespace
}  // namespace palimpsest
