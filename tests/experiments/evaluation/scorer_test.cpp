#include "experiments/evaluation/scorer.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <set>

#include "experiments/evaluation/retrieval.h"
#include "experiments/evaluation/scorer_task.h"

namespace palimpsest {
namespace {

constexpr const char* kColours[] = {"red", "green", "blue", "grey"};
constexpr const char* kThings[] = {"square", "bar", "column"};

// Coloured shapes on white, with what they are called.
CaptionedPicture shape(std::int64_t colour, std::int64_t thing) {
  at::Tensor pixels_HWC = at::full({64, 64, 3}, 255, at::kByte);
  const std::int64_t rows = thing == 1 ? 10 : 40, columns = thing == 2 ? 10 : 40;
  at::Tensor patch = pixels_HWC.narrow(0, 32 - rows / 2, rows).narrow(1, 32 - columns / 2, columns);
  patch.fill_(60);
  if (colour < 3) patch.select(2, colour).fill_(220);
  const std::string name = std::string(kColours[colour]) + " " + kThings[thing];
  return {pixels_HWC, name, {kColours[colour], "shape"}, name};
}

std::vector<CaptionedPicture> shapes() {
  std::vector<CaptionedPicture> all;
  for (std::int64_t colour = 0; colour < 4; ++colour) {
    for (std::int64_t thing = 0; thing < 3; ++thing) all.push_back(shape(colour, thing));
  }
  return all;
}

ScorerTask small_task(std::int64_t batch) {
  ScorerTask::Settings settings{
      .scorer = {.width = 8, .embedding = 32, .buckets = 256}, .batch = batch, .key = RandomKey::root(7)};
  return ScorerTask(settings, shapes(), {});
}

TEST(Scorer, OverfitsATinySet) {
  ScorerTask task = small_task(12);
  double first = 0, last = 0;
  for (std::int64_t step = 0; step < 150; ++step) {
    const LossReport report = task.loss({step, 0});
    report.loss.backward();
    const at::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : task.parameters().items()) {
      tensor.sub_(tensor.grad().sign() * 2e-3);  // signed descent: enough for twelve pictures
      tensor.mutable_grad().zero_();
    }
    (step == 0 ? first : last) = report.loss.item<double>();
  }
  EXPECT_GT(first, 1.5);
  EXPECT_LT(last, 0.3);
}

TEST(Scorer, ABatchHoldsEachConceptOnceAndIsAPureFunctionOfItsStep) {
  ScorerTask task = small_task(5), again = small_task(5);
  const double third = again.loss({3, 0}).loss.item<double>();
  for (std::int64_t step = 0; step < 3; ++step) task.loss({step, 0});
  EXPECT_EQ(task.loss({3, 0}).loss.item<double>(), third);
  EXPECT_NE(task.loss({3, 1}).loss.item<double>(), third);
}

TEST(Scorer, EmbeddingsAreUnitVectorsAndDoNotDependOnTheBatch) {
  const ContrastiveScorer scorer({.width = 8, .embedding = 16, .buckets = 64}, RandomKey::root(1));
  const auto all = shapes();
  std::vector<Image> pictures;
  std::vector<std::string> captions;
  for (const auto& sample : all) {
    pictures.push_back({sample.pixels_HWC});
    captions.push_back(sample.caption);
  }
  const at::Tensor together = scorer.similarity(pictures, captions);
  EXPECT_LE(together.abs().max().item<double>(), 1.0 + 1e-5);
  const at::Tensor alone = scorer.similarity({pictures[4]}, {captions[7]});
  EXPECT_NEAR(alone.item<double>(), together[4][7].item<double>(), 1e-5);
}

TEST(Scorer, ATextWithoutLettersStillHasAPlace) {
  const ContrastiveScorer scorer({.width = 8, .embedding = 16, .buckets = 64}, RandomKey::root(1));
  const at::Tensor vectors = scorer.embed_texts_BD(scorer.bags({"!?", "red apple"}));
  EXPECT_TRUE(vectors.isfinite().all().item<bool>());
  EXPECT_EQ(vectors.size(0), 2);
}

TEST(Scorer, ShippedSizeStaysUnderAMillionWeights) {
  EXPECT_LT(ContrastiveScorer(ScorerOptions{}, RandomKey::root(0)).parameters().count(), 750'000);
}

}  // namespace
}  // namespace palimpsest
