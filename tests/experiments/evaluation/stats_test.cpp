#include "experiments/evaluation/stats.h"

#include <gtest/gtest.h>

#include <cmath>

namespace palimpsest {
namespace {

TEST(Stats, WilsonIntervalSolvesItsQuadratic) {
  // The ends are the rates p at which the observed rate lies 1.96 standard errors away: (x/n - p)^2 = z^2 p(1-p)/n.
  for (const auto& [successes, trials] : {std::pair{3, 10}, {45, 96}, {250, 256}}) {
    const Interval interval = wilson_interval(successes, trials);
    const double rate = static_cast<double>(successes) / trials;
    for (const double p : {interval.low, interval.high}) {
      EXPECT_NEAR((rate - p) * (rate - p), 1.959964 * 1.959964 * p * (1 - p) / trials, 1e-7);
    }
    EXPECT_LT(interval.low, rate);
    EXPECT_GT(interval.high, rate);
  }
}

TEST(Stats, WilsonIntervalStaysInsideAtTheEnds) {
  EXPECT_EQ(wilson_interval(0, 20).low, 0.0);
  EXPECT_GT(wilson_interval(0, 20).high, 0.1);
  EXPECT_NEAR(wilson_interval(20, 20).high, 1.0, 1e-12);
  EXPECT_LT(wilson_interval(20, 20).low, 0.9);
  EXPECT_THROW(wilson_interval(0, 0), c10::Error);
}

TEST(Stats, BootstrapAgreesWithTheNormalInterval) {
  std::vector<double> values;
  const RandomKey key = RandomKey::root(3);
  for (std::uint64_t i = 0; i < 400; ++i) values.push_back(key.uniform(i));
  const Interval interval = bootstrap_mean_interval(values, key.fold("bootstrap"));
  const double half = 1.96 * std::sqrt(1.0 / 12.0 / 400.0);
  EXPECT_NEAR(interval.low, mean(values) - half, 0.15 * half);
  EXPECT_NEAR(interval.high, mean(values) + half, 0.15 * half);
  EXPECT_EQ(interval.low, bootstrap_mean_interval(values, key.fold("bootstrap")).low);
}

TEST(Stats, BootstrapOfAConstantIsThatConstant) {
  const Interval interval = bootstrap_mean_interval({2.5, 2.5, 2.5}, RandomKey::root(1));
  EXPECT_EQ(interval.low, 2.5);
  EXPECT_EQ(interval.high, 2.5);
}

TEST(Stats, EditDistanceKnownAnswers) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("same", "same"), 0);
  EXPECT_EQ(edit_distance("piñata", "pinata"), 1) << "one code point, not two bytes";
}

TEST(Stats, EditDistanceIsSymmetricAndKeepsTheTriangle) {
  const std::vector<std::string> words{"red apple", "green apple", "apple", "red", "rad aple"};
  for (const auto& a : words) {
    for (const auto& b : words) {
      EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
      for (const auto& c : words) EXPECT_LE(edit_distance(a, c), edit_distance(a, b) + edit_distance(b, c));
    }
  }
}

TEST(Stats, CharacterErrorRateIsOverTheReference) {
  EXPECT_DOUBLE_EQ(character_error_rate("abcd", "abxd"), 0.25);
  EXPECT_DOUBLE_EQ(character_error_rate("ab", "abcdef"), 2.0);
  EXPECT_DOUBLE_EQ(character_error_rate("", ""), 0.0);
}

TEST(Stats, PsnrOfAConstantErrorIsClosedForm) {
  const at::Tensor reference_HWC = at::full({4, 5, 3}, 100, at::kByte);
  EXPECT_NEAR(psnr(reference_HWC, at::full({4, 5, 3}, 110, at::kByte)), 20 * std::log10(25.5), 1e-9);
  EXPECT_EQ(psnr(reference_HWC, reference_HWC), kPerfectPsnr);
  EXPECT_THROW(psnr(reference_HWC, at::zeros({4, 4, 3}, at::kByte)), c10::Error);
}

TEST(Stats, PsnrCountsOnlyTheMask) {
  const at::Tensor reference_HWC = at::zeros({2, 2, 3}, at::kByte);
  at::Tensor other_HWC = reference_HWC.clone();
  other_HWC.index_put_({0, 0}, 51);
  at::Tensor mask_HW = at::zeros({2, 2}, at::kBool);
  mask_HW.index_put_({0, 0}, true);
  EXPECT_NEAR(psnr(reference_HWC, other_HWC, mask_HW), 20 * std::log10(5.0), 1e-9);
  EXPECT_NEAR(psnr(reference_HWC, other_HWC), 20 * std::log10(5.0) + 10 * std::log10(4.0), 1e-9);
}

}  // namespace
}  // namespace palimpsest
