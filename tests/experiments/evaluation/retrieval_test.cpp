#include "experiments/evaluation/retrieval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/errors.h"
#include "experiments/evaluation/stats.h"

namespace palimpsest {
namespace {

std::vector<std::string> concepts_of(std::int64_t concepts, std::int64_t rows_each) {
  std::vector<std::string> names;
  for (std::int64_t row = 0; row < concepts * rows_each; ++row)
    names.push_back("concept " + std::to_string(row % concepts));
  return names;
}

double rate(const std::vector<bool>& hits) {
  return static_cast<double>(std::count(hits.begin(), hits.end(), true)) / static_cast<double>(hits.size());
}

TEST(Retrieval, BlocksHoldDifferentConceptsAndUseEveryRowOnceFirst) {
  const auto concepts = concepts_of(64, 4);
  const auto blocks = draw_blocks(concepts, 256, RandomKey::root(5), "val");
  ASSERT_EQ(blocks.size(), 8u);
  std::set<std::int64_t> rows;
  for (const QueryBlock& block : blocks) {
    std::set<std::string> names;
    for (const std::int64_t row : block) {
      names.insert(concepts[static_cast<std::size_t>(row)]);
      rows.insert(row);
    }
    EXPECT_EQ(names.size(), 32u);
  }
  EXPECT_EQ(rows.size(), 256u);
  EXPECT_EQ(blocks, draw_blocks(concepts, 256, RandomKey::root(5), "val"));
  EXPECT_NE(blocks, draw_blocks(concepts, 256, RandomKey::root(6), "val"));
}

TEST(Retrieval, ARoundThatDoesNotDivideStillGivesDifferentConcepts) {
  const auto concepts = concepts_of(45, 3);
  for (const QueryBlock& block : draw_blocks(concepts, 320, RandomKey::root(1), "val")) {
    std::set<std::string> names;
    for (const std::int64_t row : block) names.insert(concepts[static_cast<std::size_t>(row)]);
    EXPECT_EQ(names.size(), 32u);
  }
}

TEST(Retrieval, TooFewConceptsAreRefusedByName) {
  try {
    draw_blocks(concepts_of(31, 10), 32, RandomKey::root(1), "unseen-style");
    FAIL() << "31 concepts cannot make a block of 32";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("unseen-style"));
    EXPECT_THAT(error.what(), testing::HasSubstr("has 31"));
  }
}

// A block's scores as the pipeline makes them: log p(T_j|I_i), and what the model says without an item.
ScoreMatrix matrix_of(const at::Tensor& log_prob_NN, const at::Tensor& log_prior_N) {
  ScoreMatrix matrix{log_prob_NN.to(at::kDouble), log_prior_N.to(at::kDouble), {}};
  matrix.log_mean_prior_C = matrix.log_prob_QC.logsumexp(0) - std::log(32.0);
  return matrix;
}

RetrievalHits retrieve_one(const ScoreMatrix& matrix) {
  return retrieve({QueryBlock(32)}, [&](const QueryBlock&) { return matrix; });
}

TEST(Retrieval, AModelThatKnowsIsAlwaysRight) {
  // log p(T_j|I_i) = -(how far j is from i on a circle) + prior_j, with priors far larger than what the pictures tell.
  const at::Tensor place_N = at::arange(32, at::kDouble);
  const at::Tensor away_NN = (place_N.unsqueeze(1) - place_N).abs();
  const at::Tensor prior_N = 50 * at::sin(place_N * 1.7);
  const at::Tensor scores_NN = -at::minimum(away_NN, 32 - away_NN) + prior_N;
  const RetrievalHits hits = retrieve_one(matrix_of(scores_NN, prior_N));
  EXPECT_EQ(rate(hits.captions), 1.0) << "the prior is taken away";
  EXPECT_EQ(rate(hits.captions_by_own_prior), 1.0);
  EXPECT_EQ(rate(hits.items), 1.0) << "a caption's prior is the same for all pictures";
  EXPECT_LT(rate(diagonal_picked(scores_NN)), 0.2) << "without the prior the common captions always win";
  const RetrievalHits misled = retrieve_one(matrix_of(scores_NN, at::zeros({32})));
  EXPECT_EQ(rate(misled.captions), 1.0) << "the matrix is its own prior";
  EXPECT_LT(rate(misled.captions_by_own_prior), 0.2) << "a prior of the model's that is wrong costs it the answer";
}

TEST(Retrieval, AModelThatGuessesIsAtChance) {
  const std::vector<QueryBlock> blocks(400, QueryBlock(32));
  std::uint64_t call = 0;
  const auto hits = retrieve(blocks, [&](const QueryBlock&) {
    return matrix_of(normal(RandomKey::root(9).fold(call++), {32, 32}), at::zeros({32}));
  });
  ASSERT_EQ(hits.captions.size(), 12'800u);
  for (const auto& direction : {hits.captions, hits.captions_by_own_prior, hits.items}) {
    const Interval interval = wilson_interval(std::count(direction.begin(), direction.end(), true),
                                              static_cast<std::int64_t>(direction.size()));
    EXPECT_LT(interval.low, 1.0 / 32);
    EXPECT_GT(interval.high, 1.0 / 32);
  }
}

TEST(Retrieval, AModelThatIgnoresThePictureNeverWins) {
  const at::Tensor scores_NN = normal(RandomKey::root(2), {1, 32}).expand({32, 32});
  EXPECT_EQ(rate(retrieve_one(matrix_of(scores_NN, at::zeros({32}))).items), 0.0) << "ties are misses";
}

TEST(Retrieval, ScoresThatAreNotFiniteAreRefused) {
  EXPECT_THROW(diagonal_picked(at::full({32, 32}, std::numeric_limits<double>::quiet_NaN())), c10::Error);
}

}  // namespace
}  // namespace palimpsest
