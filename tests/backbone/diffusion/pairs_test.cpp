// Complementary pairs: every position once, and the variance that this leaves.
#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

const RandomKey kPairsKey = RandomKey::root(41);
constexpr std::int64_t kPairs = 4000, kLength = 9;

struct Pairs {
  CanvasSchema schema{{{"picture", grid_layout(3, 3), false}}, Vocabulary({{"image", {9}}})};
  DiffusionOptions options;
  TokenCanvas clean;
  NoisyCanvas noisy;

  explicit Pairs(ScheduleKind kind, const std::string& pattern = "") {
    options.complementary = true;
    options.schedule.kind = kind;
    options.schedule.floor = 0.05;  // or the second moments would be those of a few draws
    if (!pattern.empty()) options.patterns[pattern] = {};
    options.validate();
    std::vector<Document> documents;
    for (std::int64_t i = 0; i < 2 * kPairs; ++i) {
      documents.push_back(
          test::random_document(schema, kPairsKey.fold(static_cast<std::uint64_t>(options.sample_of(i)))));
    }
    clean = build_canvas(schema, documents);
    noisy = corrupt(clean, schema, options, kPairsKey, test::indices(0, 2 * kPairs), 50);
  }
  at::Tensor of(const at::Tensor& x_BL, std::int64_t twin) const { return x_BL.slice(0, twin, {}, 2); }
};

class EveryPairLaw : public testing::TestWithParam<ScheduleKind> {};

TEST_P(EveryPairLaw, PredictsEveryPositionExactlyOnce) {
  for (const std::string pattern : {"", "blocks", "infill"}) {
    const Pairs pairs(GetParam(), pattern);
    EXPECT_TRUE(pairs.of(pairs.noisy.masked_BL, 0).logical_xor(pairs.of(pairs.noisy.masked_BL, 1)).all().item<bool>());
    EXPECT_TRUE(pairs.of(pairs.clean.tokens_BL, 0).equal(pairs.of(pairs.clean.tokens_BL, 1)));
    const NoiseSchedule schedule(pairs.options.schedule);
    const at::Tensor alphas = schedule.alpha(pairs.noisy.t_BL.to(at::kDouble));
    EXPECT_TRUE(
        at::allclose(pairs.of(alphas, 0) + pairs.of(alphas, 1), at::ones({kPairs, kLength}, at::kDouble), 0, 1e-6));
  }
}

// Losses of 1 at every position: the sum of weights over the masked ones, whose expectation is L for either twin.
at::Tensor unit_losses_B(const Pairs& pairs) {
  const NoiseSchedule schedule(pairs.options.schedule);
  const at::Tensor weight_BL = schedule.elbo_weight(pairs.noisy.t_BL.to(at::kDouble)) * pairs.noisy.weight_BL;
  return (weight_BL * pairs.noisy.masked_BL).sum(1);
}

// Times stop short of both ends, where the linear weights still average to L at every time.
TEST_P(EveryPairLaw, BothTwinsHaveTheExpectationOfTheBound) {
  const Pairs pairs(GetParam());
  const NoiseSchedule schedule(pairs.options.schedule);
  const double first = pairs.options.schedule.floor, last = schedule.time_of(1 - schedule.alpha(first));
  const double expected = kLength * (schedule.alpha(first) - schedule.alpha(last)) / (last - first);
  const at::Tensor losses_B = unit_losses_B(pairs);
  for (const std::int64_t twin : {0, 1}) {
    const at::Tensor own = pairs.of(losses_B, twin);
    EXPECT_NEAR(own.mean().item<double>(), expected, 4 * own.std().item<double>() / std::sqrt(kPairs)) << twin;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryPairLaw,
                         testing::Values(ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kPolynomial));

// Given t, unit losses of one mask vary by L (1-t)/t, the mean over a pair by L (1-2t)^2 / (4 t (1-t)): none at t =
// 1/2.
TEST(PairLaw, VariesAsStated) {
  const Pairs pairs(ScheduleKind::kLinear);
  const at::Tensor losses_B = unit_losses_B(pairs);
  const at::Tensor t = pairs.of(pairs.noisy.t_BL, 0).select(1, 0).to(at::kDouble);
  const at::Tensor single = pairs.of(losses_B, 0), mean = (single + pairs.of(losses_B, 1)) / 2;
  const at::Tensor single_law = kLength * (1 - t) / t, pair_law = kLength * (1 - 2 * t).square() / (4 * t * (1 - t));
  // A squared deviation varies by less than 4.5 times the square of its mean: the binomial's kurtosis at t = 0.05.
  const double limit = 4 * std::sqrt(4.5 / kPairs);
  EXPECT_NEAR(((single - kLength).square() / single_law).mean().item<double>(), 1, limit);
  EXPECT_NEAR(((mean - kLength).square() / pair_law).mean().item<double>(), 1, limit);
  EXPECT_LT(pair_law.mean().item<double>(), 0.4 * single_law.mean().item<double>());
  const at::Tensor middle = t.sub(0.5).abs().lt(0.01);
  EXPECT_LT((mean - kLength).masked_select(middle).abs().max().item<double>(), 0.4);
}

TEST(Pairs, AreTheSameInAnyPartOfABatch) {
  const Pairs pairs(ScheduleKind::kCosine);
  const NoisyCanvas part =
      corrupt(pairs.clean.slice_rows(7, 4), pairs.schema, pairs.options, kPairsKey, test::indices(7, 4), 50);
  EXPECT_TRUE(part.canvas.tokens_BL.equal(pairs.noisy.canvas.tokens_BL.slice(0, 7, 11)));
  EXPECT_TRUE(part.weight_BL.equal(pairs.noisy.weight_BL.slice(0, 7, 11)));
  EXPECT_THROW(corrupt(pairs.clean.slice_rows(0, 2), pairs.schema, pairs.options, kPairsKey, {0, 1}, 5), c10::Error);
}

}  // namespace
}  // namespace palimpsest
