#include "experiments/training/learning_rate.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace palimpsest {
namespace {

TrainingOptions options_of(DecayKind decay) {
  TrainingOptions options;
  options.steps = 101;
  options.warmup_steps = 10;
  options.decay = decay;
  options.final_rate = 0.1;
  return options;
}

TEST(RateFactor, WarmsUpLinearlyToOne) {
  for (const DecayKind decay : {DecayKind::kConstant, DecayKind::kCosine, DecayKind::kWarmupStableDecay}) {
    const TrainingOptions options = options_of(decay);
    for (std::int64_t step = 0; step < 10; ++step) {
      EXPECT_DOUBLE_EQ(rate_factor(options, step), static_cast<double>(step + 1) / 10.0);
    }
    EXPECT_DOUBLE_EQ(rate_factor(options, 10), 1.0);
  }
}

TEST(RateFactor, CosineIsHalfwayInTheMiddleAndFinalAtTheEnd) {
  const TrainingOptions options = options_of(DecayKind::kCosine);
  EXPECT_NEAR(rate_factor(options, 55), 0.55, 1e-12);
  EXPECT_NEAR(rate_factor(options, 100), 0.1, 1e-12);
}

TEST(RateFactor, WsdIsFlatThenLinear) {
  TrainingOptions options = options_of(DecayKind::kWarmupStableDecay);
  options.decay_share = 0.2;  // begins at floor(101 * 0.8) = 80
  EXPECT_DOUBLE_EQ(rate_factor(options, 79), 1.0);
  EXPECT_DOUBLE_EQ(rate_factor(options, 80), 1.0);
  EXPECT_NEAR(rate_factor(options, 90), 0.55, 1e-12);
  EXPECT_NEAR(rate_factor(options, 100), 0.1, 1e-12);
}

TEST(RateFactor, NeverRisesAfterWarmUp) {
  for (const DecayKind decay : {DecayKind::kConstant, DecayKind::kCosine, DecayKind::kWarmupStableDecay}) {
    const TrainingOptions options = options_of(decay);
    for (std::int64_t step = 11; step < options.steps; ++step) {
      EXPECT_LE(rate_factor(options, step), rate_factor(options, step - 1));
    }
  }
}

TEST(TrainingOptions, NameTheBrokenRule) {
  TrainingOptions options;
  options.batch = 10;
  options.micro_batches = 4;
  try {
    options.validate();
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "micro_batches: must divide batch");
  }
}

}  // namespace
}  // namespace palimpsest
