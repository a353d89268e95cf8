#include "backbone/diffusion/schedule.h"

#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {
namespace {

class EverySchedule : public testing::TestWithParam<ScheduleKind> {
 protected:
  NoiseSchedule schedule_{ScheduleOptions{GetParam(), 2.5, 1e-3}};
};

TEST_P(EverySchedule, KeepsAllAtTheStartAndNothingAtTheEnd) {
  EXPECT_NEAR(schedule_.alpha(0.0), 1.0, 1e-12);
  EXPECT_NEAR(schedule_.alpha(1.0), 0.0, 1e-12);
}

TEST_P(EverySchedule, FallsThroughout) {
  const at::Tensor alpha = schedule_.alpha(at::linspace(0, 1, 1001, at::kDouble));
  EXPECT_TRUE(alpha.diff().lt(0).all().item<bool>());
}

TEST_P(EverySchedule, DerivativeIsThatOfAlpha) {
  const at::Tensor t = at::linspace(0.01, 0.99, 99, at::kDouble);
  const double step = 1e-6;
  const at::Tensor numeric = (schedule_.alpha(t + step) - schedule_.alpha(t - step)) / (2 * step);
  EXPECT_TRUE(at::allclose(schedule_.dalpha_dt(t), numeric, 1e-6, 1e-8));
}

TEST_P(EverySchedule, WeightIsTheRateOfUnmaskingOfTheMasked) {
  const at::Tensor t = at::linspace(0.001, 0.999, 99, at::kDouble);
  EXPECT_TRUE(at::allclose(schedule_.elbo_weight(t), -schedule_.dalpha_dt(t) / (1 - schedule_.alpha(t)), 1e-9, 1e-12));
}

TEST_P(EverySchedule, NumberAndTensorAgree) {
  for (const double t : {0.0, 0.2, 0.7, 1.0}) {
    EXPECT_DOUBLE_EQ(schedule_.alpha(t), schedule_.alpha(at::scalar_tensor(t, at::kDouble)).item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EverySchedule,
                         testing::Values(ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kLogLinear,
                                         ScheduleKind::kPolynomial));

void expect_rule(const std::function<void()>& act, const std::string& text) {
  try {
    act();
    ADD_FAILURE() << "nothing thrown";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

TEST(DiffusionOptions, RefusesWhatIsNoProbability) {
  DiffusionOptions options;
  options.conditional = 1.5;
  expect_rule([&] { options.validate(); }, "conditional: must be a probability in [0, 1]");
  expect_rule(
      [] {
        ScheduleOptions{ScheduleKind::kPolynomial, -1.0, 0.0}.validate();
      },
      "exponent: must be greater than 0");
  expect_rule([] { ScheduleOptions{ScheduleKind::kLinear, 2.0, 1.0}.validate(); }, "floor: must be in [0, 1)");
}

TEST(DiffusionOptions, ReadFromARecipeByModality) {
  const toml::table table = toml::parse("schedules.image.kind = 'cosine'\nweights.text = 0.5");
  const auto options = read_options<DiffusionOptions>(table, "recipe.toml", "diffusion");
  EXPECT_EQ(options.schedule_of("image").options().kind, ScheduleKind::kCosine);
  EXPECT_EQ(options.schedule_of("text").options().kind, ScheduleKind::kLinear);
  EXPECT_EQ(options.weight_of("text"), 0.5);
  EXPECT_EQ(options.weight_of("image"), 1.0);
}

}  // namespace
}  // namespace palimpsest
