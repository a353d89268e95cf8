#include "experiments/training/rate_finder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "experiments/training/trainer.h"
#include "tests/experiments/training/toy_task.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

TEST(RateFinder, SmoothingKeepsAConstantAndForgetsSlowly) {
  for (const double loss : smoothed_losses({2, 2, 2, 2})) EXPECT_DOUBLE_EQ(loss, 2.0);
  const std::vector<double> smoothed = smoothed_losses({0, 1});
  EXPECT_NEAR(smoothed[1], 0.1 / 0.19, 1e-12);
}

// Flat, then a logistic fall around 1e-3, then a rise: the fall is steepest at its middle.
TEST(RateFinder, SuggestsWhereTheLossFallsFastest) {
  std::vector<double> rates, losses;
  for (int i = 0; i <= 100; ++i) {
    const double exponent = -6.0 + 0.06 * i;
    rates.push_back(std::pow(10.0, exponent));
    losses.push_back(1.0 / (1.0 + std::exp(4.0 * (exponent + 3.0))) + (exponent > -1 ? 5.0 * (exponent + 1) : 0.0));
  }
  const double suggestion = suggested_rate(rates, losses);
  EXPECT_GT(suggestion, 0.8e-3);
  EXPECT_LT(suggestion, 1.25e-3);
}

TEST(RateFinder, SuggestsNothingWhereTheLossOnlyRises) {
  EXPECT_EQ(suggested_rate({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), 0.0);
}

// Least squares under plain AdamW: what is suggested learns, and the sweep stops where the loss runs away.
TEST(RateFinder, FindsARateThatLearns) {
  TrainingOptions options;
  options.batch = 32;
  options.clip = 0;
  ToyTask task(options);
  const RateTrial trial = find_rate(task, options, {1e-5, 1e3, 120}, at::kFloat);
  ASSERT_GT(trial.suggestion, 1e-3);
  EXPECT_LT(trial.suggestion, 1.0);
  EXPECT_LT(trial.rates.size(), 120u);
  EXPECT_EQ(trial.rates.size(), trial.losses.size());
  TrainingOptions chosen = options;
  chosen.learning_rate = trial.suggestion;
  ToyTask fresh(chosen);
  Optimizer optimizer(chosen, fresh.parameters(), at::kFloat);
  const double first = training_step(fresh, optimizer, chosen, 0).loss;
  double last = first;
  for (std::int64_t step = 1; step < 80; ++step) last = training_step(fresh, optimizer, chosen, step).loss;
  EXPECT_LT(last, 0.5 * first);
}

TEST(RateFinder, RefusesRatesThatDoNotRise) {
  EXPECT_EQ(message_of<InputError>([] {
              RateFinderOptions{1e-2, 1e-3, 100}.validate();
            }),
            "command line: --highest: must be above --lowest, and that above 0");
}

}  // namespace
}  // namespace palimpsest
