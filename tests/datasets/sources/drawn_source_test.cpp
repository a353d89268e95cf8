#include "datasets/sources/drawn_source.h"

#include <gmock/gmock.h>

#include "base/recipe.h"
#include "datasets/puzzles/puzzle.h"
#include "datasets/scenes/caption.h"
#include "datasets/scenes/picture.h"
#include "datasets/scenes/tones.h"
#include "datasets/sources/open_source.h"
#include "tests/datasets/small_data.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// A recipe as it ships, with its splits made small.
DataOptions shipped_data(const std::string& name, std::vector<std::string> overrides = {}) {
  const std::string table = name == "scenes" ? "scenes" : "puzzles";
  overrides.push_back("data." + table + ".splits.train.samples=24");
  return recipe_options<DataOptions>(load_recipe(name, "prepare", overrides), "data");
}

std::string text_of(const ReadResult& result, const std::string& role) {
  return std::get<Text>(result.sample.roles.at(role)).utf8;
}

TEST(ScenesSource, WhatASampleTellsAgreesInEveryRole) {
  const DataOptions data = shipped_data("scenes");
  const auto samples = read_all(*open_source(data, "train"));
  ASSERT_EQ(samples.size(), 24u);
  EXPECT_EQ(samples[7].sample.key, "train-00000007");
  for (const ReadResult& result : samples) {
    EXPECT_EQ(result.error, "");
    const Scene scene = scene_from_json(result.sample.meta.at("scene"), result.sample.key);
    EXPECT_TRUE(agreement(*read_caption(text_of(result, "caption")), scene).all());
    EXPECT_EQ(read_picture(std::get<Image>(result.sample.roles.at("picture")), 3), scene);
    const RoleBoxes boxes = boxes_from_json(result.sample.meta.at(kObjectsKey), result.sample.key);
    ASSERT_EQ(boxes.size(), 1u);
    EXPECT_EQ(boxes.at("picture").size(), scene.things.size());
    EXPECT_EQ(read_tones(std::get<Audio>(result.sample.roles.at("tones")), 3, data.scenes.tones_tell), scene);
    for (const std::string& combination : data.scenes.held_out)
      EXPECT_FALSE(has_combination(scene, parse_combination(combination))) << combination;
  }
}

TEST(ScenesSource, SplitsHoldDifferentScenes) {
  const DataOptions data =
      shipped_data("scenes", {"data.scenes.grid=1", "data.scenes.most=1", "data.scenes.held_out=[]",
                              "data.scenes.splits.train.to=0.5", "data.scenes.splits.unseen-scene.from=0.5",
                              "data.scenes.splits.unseen-combination.held_out=none"});
  std::map<std::string, std::set<std::string>> scenes;
  for (const char* split : {"train", "unseen-scene"}) {
    for (const ReadResult& result : read_all(*open_source(data, split, {"caption"})))
      scenes[split].insert(result.sample.meta.at("scene").dump());
  }
  for (const std::string& scene : scenes["train"]) EXPECT_FALSE(scenes["unseen-scene"].contains(scene));
  EXPECT_GT(scenes["train"].size() + scenes["unseen-scene"].size(), 40u);  // of the 96 there are
}

TEST(ScenesSource, GoesOnWhereItWas) {
  const DataOptions data = shipped_data("scenes");
  const auto all = read_all(*open_source(data, "train", {"caption"}));
  const auto rest = read_all(*open_source(data, "train", {"caption"}, {.done = 10}));
  ASSERT_EQ(rest.size(), 14u);
  for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(text_of(rest[i], "caption"), text_of(all[10 + i], "caption"));
}

TEST(ScenesSource, RefusesRolesItHasNot) {
  const auto refused = [](const std::vector<std::string>& overrides) {
    return message_of<InputError>([&] { open_source(shipped_data("scenes", overrides), "train"); });
  };
  EXPECT_THAT(refused({"data.roles.picture.members=[\"pictures\"]"}),
              HasSubstr("data.roles.picture.members: nothing is called 'pictures'; did you mean 'picture'?"));
  EXPECT_THAT(refused({"data.roles.caption.members=[\"tones\"]"}),
              HasSubstr("data.roles.caption.kind: tones is audio, not text"));
  EXPECT_THAT(refused({"data.roles.caption.members=[\"caption\",\"mark\"]"}), HasSubstr("must name one thing"));
  EXPECT_THAT(refused({"data.roles.picture.rows=30", "data.roles.picture.columns=30"}),
              HasSubstr("data.roles.picture.rows: must be at least 36 for a grid of 3"));
  EXPECT_THAT(refused({"data.roles.tones.sample_rate=4000"}), HasSubstr("must be at least 8000 for tones"));
}

class PuzzleRecipes : public testing::TestWithParam<std::pair<const char*, PuzzleKind>> {};

TEST_P(PuzzleRecipes, SolutionsSolveAndVerdictsAreTrue) {
  const auto [name, kind] = GetParam();
  std::int64_t spoilt = 0, wrong = 0;
  for (const ReadResult& result : read_all(*open_source(shipped_data(name), "train"))) {
    const std::string puzzle = text_of(result, "puzzle"), solution = text_of(result, "solution"),
                      candidate = text_of(result, "candidate"), verdict = text_of(result, "verdict");
    EXPECT_EQ(result.sample.meta.at("puzzle"), name);
    EXPECT_TRUE(check_answer(kind, puzzle, solution).right()) << puzzle << " " << solution;
    const Ruling ruling = check_answer(kind, puzzle, candidate);
    EXPECT_EQ(verdict, ruling.right() ? "right" : "wrong: " + ruling.rule + " at " + ruling.where);
    spoilt += candidate != solution;
    wrong += !ruling.right();
  }
  EXPECT_GE(spoilt, 4);
  EXPECT_LE(spoilt, 20);
  EXPECT_LE(wrong, spoilt);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PuzzleRecipes,
                         testing::Values(std::pair{"sudoku", PuzzleKind::kSudoku},
                                         std::pair{"brackets", PuzzleKind::kBrackets},
                                         std::pair{"records", PuzzleKind::kRecords},
                                         std::pair{"arithmetic", PuzzleKind::kArithmetic}));

TEST(PuzzlesSource, GroupsAreNotDividedBetweenSplits) {
  const DataOptions data =
      shipped_data("arithmetic", {"data.puzzles.arithmetic.steps=2", "data.puzzles.arithmetic.modulus=4",
                                  "data.puzzles.arithmetic.largest=2", "data.puzzles.splits.train.to=0.5",
                                  "data.puzzles.splits.held-out.from=0.5", "data.puzzles.splits.held-out.samples=24"});
  std::set<std::string> train;
  for (const ReadResult& result : read_all(*open_source(data, "train", {"puzzle"})))
    train.insert(text_of(result, "puzzle"));
  for (const ReadResult& result : read_all(*open_source(data, "held-out", {"puzzle"})))
    EXPECT_FALSE(train.contains(text_of(result, "puzzle")));
}

}  // namespace
}  // namespace palimpsest
