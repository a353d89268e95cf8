// Scenes and puzzles from recipe to scores: prepared, trained a few steps, evaluated, by the program itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/evaluation/answers.h"
#include "tests/experiments/small_emoji.h"
#include "tests/support/command.h"

namespace palimpsest::test {
namespace {

using testing::HasSubstr;

class ExactScores : public testing::Test {
 protected:
  nlohmann::json run(const std::string& arguments) const {
    const CommandOutcome outcome = run_command(
        folder, std::string(PALIMPSEST_PROGRAM) + " " + arguments + " --threads 1 --dtype fp32 --device cpu");
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.err;
    return nlohmann::json::parse(outcome.out, nullptr, false);
  }

  // Rows by "NAME on SPLIT".
  std::map<std::string, MetricRow> scores(const std::string& arguments) const {
    std::map<std::string, MetricRow> rows;
    const nlohmann::json printed = run("evaluate " + arguments + " --generated 32 --json");
    for (const auto& row : printed.at("rows")) {
      const MetricRow metric = metric_from_json(row, "scores");
      rows[metric.name + " on " + metric.split] = metric;
    }
    return rows;
  }

  ScratchFolder folder;
};

constexpr const char* kSmallModel =
    " --steps 2 backbone.width=16 backbone.layers=1 backbone.heads=2 backbone.key_value_heads=2 training.batch=4"
    " training.warmup_steps=1 data.validation_rows=4";

TEST_F(ExactScores, OfScenes) {
  save_tokenizers(folder);
  const std::string tokenizers =
      " tokenizers.caption.path=tokenizers/caption tokenizers.picture.path=tokenizers/picture"
      " tokenizers.tones.path=tokenizers/speech";
  run("prepare scenes --out data/scenes data.scenes.grid=1 data.scenes.most=1 data.scenes.nested=0"
      " data.scenes.splits.train.samples=64 data.scenes.splits.unseen-scene.samples=32"
      " data.scenes.splits.unseen-combination.samples=32 'data.scenes.held_out=[\"red circle\",\"blue star\"]'"
      " data.roles.picture.rows=16 data.roles.picture.columns=16" +
      tokenizers);
  run("train scenes --run ./runs/scenes diffusion.patterns.objects.weight=1"
      " 'diffusion.patterns.objects.modalities=[\"image\"]' backbone.digits.image=[4,4] backbone.digits.audio=[4,4]"
      " canvas.roles.picture.bound=4" +
      tokenizers + kSmallModel);
  const auto rows = scores("runs/scenes --data data/scenes --metrics scenes");
  ASSERT_EQ(rows.size(), 6u * 3u * 2u);  // queries, rows of each, splits that were not trained on
  const MetricRow& picture = rows.at("scene: caption to picture: all right on unseen-combination");
  EXPECT_EQ(picture.samples, 32);
  EXPECT_NEAR(*picture.chance, 0.25, 0.1);  // two pairs of two sizes are all that this split can have
  EXPECT_LT(picture.value, 0.5);
  // A caption needs no reconstruction: bytes are exact.
  EXPECT_EQ(rows.at("scene: picture to caption: the tokenizer's reconstruction, all right on unseen-scene").value, 1.0);
  // Nothing that was copied from training has a combination that is held out.
  EXPECT_EQ(*rows.at("scene: caption to picture: all right on unseen-combination").baseline, 0.0);
}

TEST_F(ExactScores, OfPuzzles) {
  run("prepare arithmetic --out data/arithmetic data.puzzles.arithmetic.steps=2"
      " data.puzzles.arithmetic.modulus=4 data.puzzles.arithmetic.largest=2 data.puzzles.splits.train.samples=64"
      " data.puzzles.splits.train.to=0.5 data.puzzles.splits.held-out.from=0.5 "
      "data.puzzles.splits.held-out.samples=32");
  const std::string bytes =
      "tokenizers.candidate.path=datasets/bundled/bytes tokenizers.verdict.path=datasets/bundled/bytes";
  run("train sudoku --run ./runs/sums data.directory=data/arithmetic " + bytes +
      " 'canvas.order=[\"puzzle\",\"solution\",\"candidate\",\"verdict\"]' canvas.roles.puzzle.elastic=true"
      " canvas.roles.solution.elastic=true canvas.roles.candidate.bound=36 canvas.roles.candidate.elastic=true"
      " canvas.roles.verdict.bound=36 canvas.roles.verdict.elastic=true" +
      kSmallModel);
  const auto rows = scores("runs/sums --data data/arithmetic --metrics puzzles");
  ASSERT_EQ(rows.size(), 2u);
  const MetricRow& solved = rows.at("puzzle to solution: all right on held-out");
  EXPECT_LT(solved.value, 0.5);
  EXPECT_GT(*solved.chance, 0.0);  // of 16 answers, another row's is often the same
  EXPECT_LT(*solved.chance, 0.5);
  EXPECT_THAT(solved.note, HasSubstr("rules broken: "));
  EXPECT_EQ(rows.at("candidate to verdict: all right on held-out").samples, 32);
}

TEST(CheckedRows, TellWholeAnswersAndParts) {
  const CheckedAnswers answers{{1.0, 0.5, 0.0, 1.0}, {1.0, 0.0, 0.0, 0.0}, {1.0, 1.0, 0.75, 1.0}, {0.0, 0.5}};
  const auto rows = checked_rows(answers, "x", "held-out", "note");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_DOUBLE_EQ(rows[0].value, 0.5);
  EXPECT_DOUBLE_EQ(*rows[0].baseline, 0.25);
  EXPECT_DOUBLE_EQ(*rows[0].chance, 0.0);
  EXPECT_DOUBLE_EQ(rows[1].value, 0.625);
  EXPECT_DOUBLE_EQ(*rows[1].chance, 0.25);
  EXPECT_DOUBLE_EQ(rows[2].value, 0.75);
}

}  // namespace
}  // namespace palimpsest::test
