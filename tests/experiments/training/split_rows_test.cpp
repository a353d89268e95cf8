// Documents longer than the canvas: refused, or trained on in parts.
#include "experiments/training/split_rows.h"

#include <gmock/gmock.h>

#include <numeric>

#include "modalities/canvas/vocabulary.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/experiments/training/tiny_run.h"

namespace palimpsest {
namespace {

TEST(SplitLongRows, PartsMakeUpTheDocumentAndGroupsStayTogether) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.captions();
  options.prepare.rows_per_group = 3;
  tiny.prepare(options, "out");
  const auto whole = open_token_set(tiny.folder / "out", "train");
  const CanvasSchema schema({{"caption", text_layout(8), true}}, Vocabulary(std::vector<CodeSpace>{{"text", {300}}}));
  const auto parts = split_long_rows(whole, schema);
  EXPECT_GT(parts->rows(), whole->rows());
  EXPECT_EQ(parts->fingerprint("caption"), whole->fingerprint("caption"));
  std::int64_t part = 0;
  for (std::int64_t row = 0; row < whole->rows(); ++row) {
    const at::Tensor ids_L = *whole->ids(row, "caption");
    const std::int64_t count = (ids_L.numel() + 7) / 8;
    std::vector<at::Tensor> found;
    for (std::int64_t number = 1; number <= count; ++number, ++part) {
      const std::string which = "#" + std::to_string(number) + "of" + std::to_string(count);
      EXPECT_EQ(parts->key(part), whole->key(row) + (count == 1 ? "" : which));
      EXPECT_EQ(parts->meta(part), whole->meta(row));
      found.push_back(*parts->ids(part, "caption"));
      EXPECT_LE(found.back().numel(), 8);
    }
    EXPECT_TRUE(at::cat(found).equal(ids_L)) << row;
  }
  EXPECT_EQ(part, parts->rows());
  const auto groups = parts->group_rows(), before = whole->group_rows();
  ASSERT_EQ(groups.size(), before.size());
  EXPECT_EQ(std::accumulate(groups.begin(), groups.end(), std::int64_t{0}), parts->rows());
}

TEST(SplitLongRows, ARoleThatFitsIsInEveryPart) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.options();
  options.data.roles.erase("speech");
  options.tokenizers.erase("speech");
  tiny.prepare(options, "out");
  const auto whole = open_token_set(tiny.folder / "out", "train");
  const CanvasSchema schema({{"caption", text_layout(2), true}, {"picture", grid_layout(2, 2), false}},
                            Vocabulary(std::vector<CodeSpace>{{"text", {300}}, {"image", {16}}}));
  const auto parts = split_long_rows(whole, schema);
  ASSERT_GT(parts->rows(), 2);
  EXPECT_TRUE(parts->ids(1, "picture")->equal(*whole->ids(0, "picture")));
}

TEST(SplitLong, TrainingRefusesThemUnlessItIsToldTo) {
  const TinyRun tiny;
  tiny.make_shards();
  const std::string settings =
      " canvas.roles.caption.bound=2 canvas.roles.title.bound=2 training.steps=4 canvas.packed=20";
  EXPECT_NE(tiny.run("train backbone.toml --run ./runs/refused" + settings).code, 0);
  const CommandOutcome trained = tiny.run("train backbone.toml --run ./runs/split data.split_long=true" + settings);
  EXPECT_EQ(trained.code, 0) << trained.err;
}

}  // namespace
}  // namespace palimpsest
