#include "backbone/diffusion/times.h"

#include <gtest/gtest.h>

#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kBlock = 32;
const RandomKey kKey = RandomKey::root(5).fold("times");

TEST(StratifiedTimes, EachBlockHasOneTimeAStratum) {
  for (const std::int64_t block : {0, 1, 7}) {
    const at::Tensor times_BK = stratified_times_BK(kKey, test::indices(block * kBlock, kBlock), kBlock, 3);
    const at::Tensor strata = std::get<0>(at::sort(at::floor(times_BK * kBlock), 0));
    const at::Tensor expected = at::arange(kBlock, at::kDouble).unsqueeze(1).expand({kBlock, 3});
    EXPECT_TRUE(strata.equal(expected));
  }
}

TEST(StratifiedTimes, DependOnTheGlobalIndexAlone) {
  const at::Tensor whole = stratified_times_BK(kKey, test::indices(0, 2 * kBlock), kBlock, 2);
  const at::Tensor part = stratified_times_BK(kKey, test::indices(13, 5), kBlock, 2);
  EXPECT_TRUE(part.equal(whole.slice(0, 13, 18)));
  EXPECT_TRUE(
      stratified_times_BK(kKey, {40, 2}, kBlock, 2).equal(whole.index_select(0, at::tensor({40, 2}, at::kLong))));
}

TEST(StratifiedTimes, AreUniformBelowTheStrata) {
  const std::int64_t samples = 256 * kBlock;
  const at::Tensor times = stratified_times_BK(kKey, test::indices(0, samples), kBlock, 1).select(1, 0);
  const at::Tensor within = std::get<0>(at::sort(at::frac(times * kBlock)));
  const double distance = (within - (at::arange(samples, at::kDouble) + 0.5) / samples).abs().max().item<double>();
  EXPECT_LT(distance, 1.63 / std::sqrt(static_cast<double>(samples)));  // Kolmogorov and Smirnov, 1%
  EXPECT_NEAR(times.mean().item<double>(), 0.5, 1e-3);
}

TEST(StratifiedTimes, ModalitiesAndNeighboursAreIndependent) {
  const std::int64_t samples = 256 * kBlock;
  const at::Tensor times_BK = stratified_times_BK(kKey, test::indices(0, samples), kBlock, 2);
  const double limit = 4 / std::sqrt(static_cast<double>(samples));  // four deviations of a correlation
  EXPECT_LT(std::abs(at::corrcoef(times_BK.t())[0][1].item<double>()), limit);
  const at::Tensor shifted =
      at::stack({times_BK.select(1, 0).slice(0, 0, -kBlock), times_BK.select(1, 0).slice(0, kBlock)});
  EXPECT_LT(std::abs(at::corrcoef(shifted)[0][1].item<double>()), limit);
}

}  // namespace
}  // namespace palimpsest
