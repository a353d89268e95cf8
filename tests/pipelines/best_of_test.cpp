// Of several candidates the one that tells most of what was given: by its law, and whatever else is in the batch.
#include "pipelines/best_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "pipelines/queries/query.h"
#include "pipelines/scoring.h"
#include "tests/pipelines/sampling/laws.h"

namespace palimpsest::test {
namespace {

constexpr std::int64_t kFirst = kFirstModalityId;

at::Tensor local_ids(std::initializer_list<std::int64_t> values) {
  return at::tensor(std::vector<std::int64_t>(values), at::kLong);
}

// A word is given, its picture is made.
struct ReadBack {
  CanvasSchema schema = tabulated_schema();
  std::shared_ptr<TabulatedDenoiser> denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(3));
  DiffusionModel model{denoiser, schema, {}};
  at::Tensor word = local_ids({2, 1});

  TokenCanvas start(std::int64_t rows) const {
    return query_canvas(schema,
                        std::vector<CodedQuery>(static_cast<std::size_t>(rows), {{{"word", word}}, {}, {"picture"}}));
  }
  static SamplerOptions options(std::int64_t best_of) {
    SamplerOptions options;
    options.unmask = UnmaskKind::kFirstHitting;  // two steps for two positions: exact
    options.steps = 2;
    options.best_of = best_of;
    return options;
  }
  // log p(word | picture) as the sampler estimates it, by picture.
  std::map<Filling, double> scores() const {
    std::map<Filling, double> scores;
    ScoringOptions scoring;
    scoring.times = options(1).best_of_draws;
    for (std::int64_t left = 0; left < 2; ++left) {
      for (std::int64_t right = 0; right < 2; ++right) {
        const ScoredDocument pair{{{"picture", local_ids({left, right})}}, {{"word", word}}};
        scores[{kFirst + 2, kFirst + 1, kFirst + 3 + left, kFirst + 3 + right}] =
            -likelihood_bounds(model, {pair}, scoring).front().nats;
      }
    }
    return scores;
  }
  // p(picture | word), exactly.
  Law sampled() const {
    Law law;
    double total = 0;
    for (std::size_t i = 0; i < denoiser->fillings().size(); ++i) {
      const Filling& filling = denoiser->fillings()[i];
      if (filling[0] != kFirst + 2 || filling[1] != kFirst + 1) continue;
      law[filling] = denoiser->probabilities()[i];
      total += law[filling];
    }
    for (auto& [filling, p] : law) p /= total;
    return law;
  }
};

TEST(BestOfLaw, IsThatOfTheGreatestScoreAmongDraws) {
  const ReadBack world;
  const Law sampled = world.sampled();
  const auto scores = world.scores();
  for (const std::int64_t best_of : {1, 2, 5}) {
    Law expected;
    for (const auto& [filling, p] : sampled) {
      double below = 0;
      for (const auto& [other, q] : sampled) below += scores.at(other) < scores.at(filling) ? q : 0;
      const auto n = static_cast<double>(best_of);
      expected[filling] = std::pow(below + p, n) - std::pow(below, n);
    }
    const std::int64_t draws = 4000;
    const BestOfSampler sampler(world.model, ReadBack::options(best_of));
    const at::Tensor tokens_BL = sampler.run(world.start(draws), sample_keys(1, 0, draws)).canvas.tokens_BL;
    std::map<Filling, double> counts;
    for (std::int64_t row = 0; row < draws; ++row) ++counts[row_of(tokens_BL, row)];
    double chi_squared = 0, total = 0;
    for (const auto& [filling, p] : expected) {
      const double mean = p * static_cast<double>(draws);
      chi_squared += std::pow(counts[filling] - mean, 2) / mean;
      total += counts[filling];
    }
    EXPECT_EQ(total, static_cast<double>(draws));
    EXPECT_LT(chi_squared, 21.1) << "best of " << best_of;  // 3 degrees of freedom, p = 1e-4
  }
}

// Eight draws of the bound know which picture tells more of the word, where the difference is a nat or more.
TEST(BestOf, TellsCandidatesApartAsTheExactLikelihoodDoes) {
  const ReadBack world;
  std::map<Filling, double> exact;
  const auto scores = world.scores();
  for (const auto& [filling, score] : scores) {
    double word = 0, picture = 0;
    for (std::size_t i = 0; i < world.denoiser->fillings().size(); ++i) {
      const Filling& other = world.denoiser->fillings()[i];
      if (other[2] != filling[2] || other[3] != filling[3]) continue;
      picture += world.denoiser->probabilities()[i];
      if (other == filling) word = world.denoiser->probabilities()[i];
    }
    exact[filling] = std::log(word / picture);
  }
  int pairs = 0;
  for (const auto& [left, a] : exact) {
    for (const auto& [right, b] : exact) {
      if (a < b + 1) continue;
      EXPECT_GT(scores.at(left), scores.at(right));
      ++pairs;
    }
  }
  EXPECT_GT(pairs, 2);
}

TEST(BestOf, OneIsTheSamplerAndTheFirstCandidateItsSample) {
  const ReadBack world;
  const TokenCanvas start = world.start(5);
  const auto keys = sample_keys(2, 0, 5);
  const SampleResult plain = Sampler(world.model, ReadBack::options(1)).run(start, keys);
  const SampleResult one = BestOfSampler(world.model, ReadBack::options(1)).run(start, keys);
  EXPECT_TRUE(at::equal(plain.canvas.tokens_BL, one.canvas.tokens_BL));
  EXPECT_EQ(plain.trace.events, one.trace.events);
}

TEST(BestOf, ARowDependsOnNothingElseAndItsTraceReplays) {
  const ReadBack world;
  const TokenCanvas start = world.start(6);
  const auto keys = sample_keys(2, 0, 6);
  const BestOfSampler sampler(world.model, ReadBack::options(3));
  const SampleResult together = sampler.run(start, keys);
  EXPECT_TRUE(at::equal(together.trace.replay(), together.canvas.tokens_BL));
  for (const std::int64_t row : {0, 2, 5}) {
    const SampleResult alone =
        sampler.run(start.slice_rows(row, 1), std::span(keys).subspan(static_cast<std::size_t>(row), 1));
    EXPECT_TRUE(at::equal(alone.canvas.tokens_BL[0], together.canvas.tokens_BL[row])) << row;
  }
}

TEST(BestOf, HoldsByRoleAndOnlyWhereSomethingIsGiven) {
  const ReadBack world;
  SamplerOptions options = ReadBack::options(1);
  options.roles["picture"].best_of = 4;
  const BestOfSampler sampler(world.model, options);
  EXPECT_EQ(sampler.candidates(world.start(3)), 12);
  EXPECT_EQ(sampler.run_steps(world.start(3)), 2 * options.steps);  // eight candidates at once
  EXPECT_EQ(sampler.candidates(blank_canvas(world.schema, 3)), 3);
  const CodedQuery word_of_picture{{{"picture", local_ids({0, 1})}}, {}, {"word"}};
  EXPECT_EQ(sampler.candidates(query_canvas(world.schema, {word_of_picture})), 1);
  const CodedQuery hole{{{"picture", local_ids({0, 1})}}, {{"picture", at::tensor({1, 0}).to(at::kBool)}}, {"picture"}};
  EXPECT_EQ(sampler.candidates(query_canvas(world.schema, {hole})), 1);
}

TEST(BestOf, RefusesNoCandidates) {
  SamplerOptions options = ReadBack::options(0);
  EXPECT_THROW(options.validate(), InputError);
  options.best_of = 1;
  options.roles["picture"].best_of = 0;
  EXPECT_THROW(options.validate(), InputError);
}

}  // namespace
}  // namespace palimpsest::test
