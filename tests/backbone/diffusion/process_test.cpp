#include "backbone/diffusion/process.h"

#include <gtest/gtest.h>

#include "backbone/diffusion/corruption.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

class EveryProcessLaw : public testing::TestWithParam<ProcessKind> {
 protected:
  ProcessOptions options_{GetParam(), 0.3};
};

TEST_P(EveryProcessLaw, MassesAddUpToOne) {
  for (const double share : {0.01, 0.3, 0.5, 0.99}) {
    const auto level = noise_level(options_, share);
    EXPECT_NEAR(level.keep + level.mask + level.uniform, 1, 1e-12);
    EXPECT_NEAR(level.keep + level.hit, 1, 1e-12);
    EXPECT_GE(std::min({level.keep, level.mask, level.uniform, level.to_mask, level.to_uniform}), 0);
  }
}

// d(mass)/du = rate in + (keep'/keep) mass: what has been kept until u jumps on at the rate -keep'/keep.
TEST_P(EveryProcessLaw, RatesMakeTheMasses) {
  const double step = 1e-6;
  for (const double share : {0.05, 0.4, 0.9}) {
    const auto here = noise_level(options_, share);
    const auto before = noise_level(options_, share - step), after = noise_level(options_, share + step);
    const auto slope = [step](double low, double high) { return (high - low) / (2 * step); };
    const double loss = slope(before.keep, after.keep) / here.keep;
    EXPECT_NEAR(here.to_mask, slope(before.mask, after.mask) - loss * here.mask, 1e-6);
    EXPECT_NEAR(here.to_uniform, slope(before.uniform, after.uniform) - loss * here.uniform, 1e-6);
    EXPECT_NEAR(here.to_mask + here.to_uniform, -loss, 1e-6);
  }
}

TEST_P(EveryProcessLaw, NumberAndTensorAgree) {
  const auto number = noise_level(options_, 0.37);
  const auto tensor = noise_level(options_, at::full({1}, 0.37, at::kDouble));
  EXPECT_DOUBLE_EQ(tensor.hit.item<double>(), number.hit);
  EXPECT_DOUBLE_EQ(tensor.keep.item<double>(), number.keep);
  EXPECT_DOUBLE_EQ(tensor.mask.item<double>(), number.mask);
  EXPECT_DOUBLE_EQ(tensor.uniform.item<double>(), number.uniform);
  EXPECT_DOUBLE_EQ(tensor.to_mask.item<double>(), number.to_mask);
  EXPECT_DOUBLE_EQ(tensor.to_uniform.item<double>(), number.to_uniform);
}

// Text is elastic (11 ids and end), speech has a sub-range a codebook: each draws among its own ids only.
TEST_P(EveryProcessLaw, CorruptionFollowsTheMasses) {
  const CanvasSchema schema = test::small_schema();
  const std::int64_t documents = 1500;
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, documents, 3));
  DiffusionOptions options;
  options.process = options_;
  options.schedule.kind = ScheduleKind::kCosine;
  const NoisyCanvas noisy = corrupt(clean, schema, options, RandomKey::root(4), test::indices(0, documents), 50);
  noisy.canvas.validate(schema.vocabulary());
  const NoiseSchedule schedule(options.schedule);
  const at::Tensor noised_BL = noisy.t_BL.gt(0);
  const at::Tensor share = 1 - schedule.alpha(noisy.t_BL.masked_select(noised_BL).to(at::kDouble));
  const NoiseLevel<at::Tensor> level = noise_level(options_, share);
  const at::Tensor ids = at::tensor({12, 9, 7, 5}, at::kDouble);
  const at::Tensor class_of = clean.legal_class_BL.masked_select(noised_BL).div(2, "floor");  // a pair a sub-range
  const at::Tensor same = noisy.canvas.tokens_BL.eq(clean.tokens_BL).masked_select(noised_BL).to(at::kDouble);
  const at::Tensor masked = noisy.canvas.tokens_BL.eq(kMaskId).masked_select(noised_BL).to(at::kDouble);
  const double limit = 4 * 0.5 / std::sqrt(static_cast<double>(share.numel()));
  EXPECT_NEAR(same.mean().item<double>(),
              (level.keep + level.uniform / ids.index_select(0, class_of)).mean().item<double>(), limit);
  EXPECT_NEAR(masked.mean().item<double>(), level.mask.mean().item<double>(), limit);
  EXPECT_TRUE(noisy.masked_BL.equal(
      GetParam() == ProcessKind::kAbsorbing ? noisy.canvas.tokens_BL.eq(kMaskId).logical_and(noised_BL) : noised_BL));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryProcessLaw,
                         testing::Values(ProcessKind::kAbsorbing, ProcessKind::kUniform, ProcessKind::kInterpolated),
                         [](const auto& kind) { return enum_name(kind.param); });

TEST(InterpolatedLaw, HasItsUniformShareHalfWayAndIsAbsorbingAtTheEnds) {
  EXPECT_DOUBLE_EQ(noise_level({ProcessKind::kInterpolated, 0.3}, 0.5).uniform, 0.3);
  EXPECT_NEAR(noise_level({ProcessKind::kInterpolated, 0.3}, 1.0).mask, 1, 1e-12);
  const auto nearly = noise_level({ProcessKind::kInterpolated, 1e-12}, 0.4);
  const auto absorbing = noise_level({ProcessKind::kAbsorbing, 0.1}, 0.4);
  EXPECT_NEAR(nearly.keep, absorbing.keep, 1e-9);
  EXPECT_NEAR(nearly.mask, absorbing.mask, 1e-9);
  EXPECT_NEAR(nearly.to_mask, absorbing.to_mask, 1e-9);
}

}  // namespace
}  // namespace palimpsest
