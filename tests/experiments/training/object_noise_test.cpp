// Objects on their way from a sample's meta to the noise of a training batch.
#include "experiments/training/object_noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "experiments/training/token_data.h"
#include "modalities/canvas/objects.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

// A caption of one id, and a picture of 4 x 4 in which two boxes lie, the first as wide as the row's number says.
class BoxedRows : public TokenSet {
 public:
  explicit BoxedRows(bool boxed) : boxed_(boxed) {}
  std::int64_t rows() const override { return 3; }
  std::string key(std::int64_t row) const override { return "row" + std::to_string(row); }
  nlohmann::json meta(std::int64_t row) const override {
    if (!boxed_) return {{"style", "plain"}};
    return {
        {kObjectsKey, to_json({{"picture", {{0, 0, 0.5, 0.25 * static_cast<double>(row + 1)}, {0.75, 0.75, 1, 1}}}})}};
  }
  std::vector<std::string> roles() const override { return {"caption", "picture"}; }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    return role == "caption" ? at::full({1}, row, at::kLong) : at::arange(16, at::kLong);
  }
  const std::string& fingerprint(const std::string&) const override { return text_; }

 private:
  bool boxed_;
  std::string text_;
};

CanvasSchema boxed_schema() {
  return CanvasSchema({{"caption", text_layout(3), true}, {"picture", grid_layout(4, 4), false}},
                      Vocabulary({{"text", {8}}, {"image", {16}}}));
}

Mixture boxed_samples(bool boxed = true) {
  return Mixture({{std::make_shared<BoxedRows>(boxed), 1.0}}, RandomKey::root(2));
}

DiffusionOptions by_objects(std::vector<std::string> modalities = {"image"}) {
  DiffusionOptions options;
  options.conditional = 0;
  options.patterns["objects"].modalities = std::move(modalities);
  return options;
}

TokenBatch batch_of(const Mixture& samples, std::int64_t packed, std::int64_t count) {
  const CanvasSchema schema = boxed_schema();
  return token_batch(samples, {schema, {}, packed}, by_objects(), {RandomKey::root(4), consecutive(0, count), count});
}

// The caption tells the row, and so how wide the first box is: its 2 x (row + 1) positions share a fate, and so does
// the other's one; whole documents of 18 positions share rows of 40, or have one each.
TEST(ObjectNoise, ThingsAreMaskedWholeWhateverTheRows) {
  const Mixture samples = boxed_samples();
  for (const std::int64_t packed : {0, 40}) {
    const TokenBatch batch = batch_of(samples, packed, 60);
    std::int64_t split = 0, pictures = 0;
    for (std::size_t s = 0; s < batch.clean.spans.size(); ++s) {
      const Span& span = batch.clean.spans[s];
      if (span.role != 1) continue;
      const Span& caption = batch.clean.spans[s - 1];
      const auto row = batch.clean.tokens_BL[caption.row][caption.begin].item<std::int64_t>() - kFirstModalityId;
      const at::Tensor masked_44 = batch.noisy.masked_BL[span.row].narrow(0, span.begin, 16).view({4, 4});
      const auto hits = masked_44.narrow(0, 0, 2).narrow(1, 0, row + 1).sum().item<std::int64_t>();
      EXPECT_TRUE(hits == 0 || hits == 2 * (row + 1)) << "row " << row << ", packed " << packed;
      const auto ground = masked_44.narrow(0, 2, 2).narrow(1, 0, 3).sum().item<std::int64_t>();
      split += ground > 0 && ground < 6;
      ++pictures;
    }
    EXPECT_EQ(pictures, 60);
    EXPECT_GT(split, 20) << "the ground goes position by position";
  }
}

TEST(ObjectNoise, OnlyPatternsOfModalitiesThatAreThereWantBoxes) {
  const CanvasSchema schema = boxed_schema();
  EXPECT_TRUE(wants_objects(by_objects(), schema));
  EXPECT_TRUE(wants_objects(by_objects({}), schema));
  EXPECT_FALSE(wants_objects(by_objects(), schema.with_roles({"caption"})));
  EXPECT_FALSE(wants_objects({}, schema));
  DiffusionOptions never = by_objects();
  never.patterns["objects"].weight = 0;
  EXPECT_FALSE(wants_objects(never, schema));
}

TEST(ObjectNoise, DataWithoutBoxesAreRefused) {
  EXPECT_EQ(message_of<InputError>([] { require_boxes(BoxedRows(false), "data/plain (train)", "recipe.toml"); }),
            "recipe.toml: diffusion.patterns.objects: needs object boxes, which data/plain (train) does not have: the "
            "meta of its rows has no 'object_boxes' (prepared scenes have)");
  EXPECT_NO_THROW(require_boxes(BoxedRows(true), "data/boxed (train)", "recipe.toml"));
  EXPECT_THAT(message_of<InputError>([] { batch_of(boxed_samples(false), 0, 2); }),
              HasSubstr("object_boxes: are not in the sample's meta, and diffusion.patterns.objects needs them"));
}

}  // namespace
}  // namespace palimpsest
