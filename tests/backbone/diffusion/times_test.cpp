#include "backbone/diffusion/times.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kBlock = 32;
const RandomKey kTimesKey = RandomKey::root(5).fold("times");

at::Tensor stratified_times_BK(RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block,
                               std::int64_t num_modalities) {
  return uniform_times_BK({}, key, global_indices, block, num_modalities);
}

TEST(StratifiedTimes, EachBlockHasOneTimeAStratum) {
  for (const std::int64_t block : {0, 1, 7}) {
    const at::Tensor times_BK = stratified_times_BK(kTimesKey, test::indices(block * kBlock, kBlock), kBlock, 3);
    const at::Tensor strata = std::get<0>(at::sort(at::floor(times_BK * kBlock), 0));
    const at::Tensor expected = at::arange(kBlock, at::kDouble).unsqueeze(1).expand({kBlock, 3});
    EXPECT_TRUE(strata.equal(expected));
  }
}

TEST(StratifiedTimes, DependOnTheGlobalIndexAlone) {
  const at::Tensor whole = stratified_times_BK(kTimesKey, test::indices(0, 2 * kBlock), kBlock, 2);
  const at::Tensor part = stratified_times_BK(kTimesKey, test::indices(13, 5), kBlock, 2);
  EXPECT_TRUE(part.equal(whole.slice(0, 13, 18)));
  EXPECT_TRUE(
      stratified_times_BK(kTimesKey, {40, 2}, kBlock, 2).equal(whole.index_select(0, at::tensor({40, 2}, at::kLong))));
}

TEST(StratifiedTimes, AreUniformBelowTheStrata) {
  const std::int64_t samples = 256 * kBlock;
  const at::Tensor times = stratified_times_BK(kTimesKey, test::indices(0, samples), kBlock, 1).select(1, 0);
  const at::Tensor within = std::get<0>(at::sort(at::frac(times * kBlock)));
  const double distance = (within - (at::arange(samples, at::kDouble) + 0.5) / samples).abs().max().item<double>();
  EXPECT_LT(distance, 1.63 / std::sqrt(static_cast<double>(samples)));  // Kolmogorov and Smirnov, 1%
  EXPECT_NEAR(times.mean().item<double>(), 0.5, 1e-3);
}

TEST(StratifiedTimes, ModalitiesAndNeighboursAreIndependent) {
  const std::int64_t samples = 256 * kBlock;
  const at::Tensor times_BK = stratified_times_BK(kTimesKey, test::indices(0, samples), kBlock, 2);
  const double limit = 4 / std::sqrt(static_cast<double>(samples));  // four deviations of a correlation
  EXPECT_LT(std::abs(at::corrcoef(times_BK.t())[0][1].item<double>()), limit);
  const at::Tensor shifted =
      at::stack({times_BK.select(1, 0).slice(0, 0, -kBlock), times_BK.select(1, 0).slice(0, kBlock)});
  EXPECT_LT(std::abs(at::corrcoef(shifted)[0][1].item<double>()), limit);
}

struct TimesCase {
  TimeDraw draw = TimeDraw::kStratified;
  TimeCoupling one_per = TimeCoupling::kModality;
  TimesOptions options() const { return {draw, one_per, {}}; }
};

class EveryTimesLaw : public testing::TestWithParam<TimesCase> {};

// Kolmogorov and Smirnov at 1% for samples that share nothing: one sample a key, or it would say little of stratified
// times, which are far more even.
TEST_P(EveryTimesLaw, EachTimeIsUniform) {
  const std::int64_t samples = 4096;
  for (const std::int64_t index : {0, 13}) {
    at::Tensor times = at::empty({samples}, at::kDouble);
    for (std::int64_t i = 0; i < samples; ++i) {
      const RandomKey key = kTimesKey.fold(static_cast<std::uint64_t>(i));
      times[i] = uniform_times_BK(GetParam().options(), key, {index}, kBlock, 2)[0][1];
    }
    const at::Tensor sorted = std::get<0>(at::sort(times));
    const double distance = (sorted - (at::arange(samples, at::kDouble) + 0.5) / samples).abs().max().item<double>();
    EXPECT_LT(distance, 1.63 / std::sqrt(static_cast<double>(samples))) << index;
  }
}

// A modality's time tells of another's, of the same document or of the next, only when they share it.
TEST_P(EveryTimesLaw, TimesAreSharedAsAskedAndNotOtherwise) {
  const std::int64_t samples = 256 * kBlock;
  const at::Tensor times_BK = uniform_times_BK(GetParam().options(), kTimesKey, test::indices(0, samples), kBlock, 2);
  const at::Tensor one = times_BK.select(1, 0), other = times_BK.select(1, 1);
  const double limit = 4 / std::sqrt(static_cast<double>(samples));
  const double correlation = at::corrcoef(times_BK.t())[0][1].item<double>();
  if (GetParam().one_per == TimeCoupling::kModality) {
    EXPECT_LT(std::abs(correlation), limit);
  } else {
    EXPECT_TRUE(one.equal(other));
  }
  const at::Tensor blocks = one.view({-1, kBlock});
  const bool together = blocks.eq(blocks.slice(1, 0, 1)).all().item<bool>();
  EXPECT_EQ(together, GetParam().one_per == TimeCoupling::kBatch);
}

// Of the mean over a block (over kBatchesABlock batches, when each has one time): 1/(12 N) for independent times, 1/(12
// N^3) for stratified ones, 0 for antithetic ones, which add up to 1 in pairs.
TEST_P(EveryTimesLaw, MeansVaryAsStated) {
  const bool by_batch = GetParam().one_per == TimeCoupling::kBatch;
  const std::int64_t stride = by_batch ? kBlock : 1, count = by_batch ? kBatchesABlock : kBlock, blocks = 400;
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < blocks * count; ++i) indices.push_back(i * stride);
  const at::Tensor times = uniform_times_BK(GetParam().options(), kTimesKey, indices, kBlock, 1).view({blocks, count});
  const double variance = times.mean(1).sub(0.5).square().mean().item<double>(), n = static_cast<double>(count);
  const std::map<TimeDraw, double> expected{{TimeDraw::kIndependent, 1 / (12 * n)},
                                            {TimeDraw::kStratified, 1 / (12 * n * n * n)},
                                            {TimeDraw::kAntithetic, 0.0}};
  const double law = expected.at(GetParam().draw);
  EXPECT_NEAR(variance, law, 4 * law * std::sqrt(2.0 / blocks) + 1e-30);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryTimesLaw,
                         testing::Values(TimesCase{TimeDraw::kStratified, TimeCoupling::kModality},
                                         TimesCase{TimeDraw::kStratified, TimeCoupling::kDocument},
                                         TimesCase{TimeDraw::kStratified, TimeCoupling::kBatch},
                                         TimesCase{TimeDraw::kAntithetic, TimeCoupling::kModality},
                                         TimesCase{TimeDraw::kAntithetic, TimeCoupling::kDocument},
                                         TimesCase{TimeDraw::kAntithetic, TimeCoupling::kBatch},
                                         TimesCase{TimeDraw::kIndependent, TimeCoupling::kModality},
                                         TimesCase{TimeDraw::kIndependent, TimeCoupling::kDocument},
                                         TimesCase{TimeDraw::kIndependent, TimeCoupling::kBatch}));

TEST(AntitheticTimes, OfAnOddBlockHaveOneThatIsAlone) {
  const at::Tensor times = uniform_times_BK({.draw = TimeDraw::kAntithetic}, kTimesKey, test::indices(0, 7), 7, 1);
  const at::Tensor sorted = std::get<0>(at::sort(times.flatten()));
  EXPECT_TRUE(
      at::allclose(sorted + sorted.flip(0), at::tensor({1.0, 1.0, 1.0, 2 * sorted[3].item<double>(), 1.0, 1.0, 1.0})));
}

// E_p[f/p] is the integral of f whatever the density p, and its variance is the integral of f^2/p less the square.
TEST(WeighedTimesLaw, KeepTheExpectationWithTheStatedVariance) {
  const std::vector<double> density{4, 1, 1, 2};
  const auto f = [](double t) { return 1 / (0.05 + t); };
  const int samples = 200'000;
  double weighed = 0, squares = 0, integral = 0, second = 0;
  for (int i = 0; i < samples; ++i) {
    const WeighedTime drawn = draw_time(density, kTimesKey.uniform(static_cast<std::uint64_t>(i)));
    weighed += drawn.weight * f(drawn.time) / samples;
    squares += std::pow(drawn.weight * f(drawn.time), 2) / samples;
    const double t = (i + 0.5) / samples, p = density[static_cast<std::size_t>(4 * t)] / 2;  // mean density 2
    integral += f(t) / samples;
    second += f(t) * f(t) / p / samples;
  }
  const double variance = second - integral * integral;
  EXPECT_NEAR(weighed, integral, 4 * std::sqrt(variance / samples));
  EXPECT_NEAR(squares - weighed * weighed, variance, 0.03 * variance);
}

TEST(WeighedTimesLaw, FallIntoTheIntervalsAsOftenAsAsked) {
  const std::vector<double> density{3, 1};
  EXPECT_EQ(draw_time({}, 0.3).time, 0.3);
  EXPECT_EQ(draw_time({}, 0.3).weight, 1.0);
  EXPECT_DOUBLE_EQ(draw_time(density, 0.75).time, 0.5);
  EXPECT_DOUBLE_EQ(draw_time(density, 0.375).time, 0.25);
  EXPECT_DOUBLE_EQ(draw_time(density, 0.375).weight, 2.0 / 3);
  EXPECT_DOUBLE_EQ(draw_time(density, 0.875).time, 0.75);
  EXPECT_DOUBLE_EQ(draw_time(density, 0.875).weight, 2.0);
}

}  // namespace
}  // namespace palimpsest
