#include "backbone/diffusion/schedule.h"

#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {
namespace {

class EverySchedule : public testing::TestWithParam<ScheduleKind> {
 protected:
  NoiseSchedule schedule_{ScheduleOptions{.kind = GetParam(), .exponent = 2.5}};
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
    EXPECT_EQ(schedule_.dalpha_dt(t), schedule_.dalpha_dt(at::scalar_tensor(t, at::kDouble)).item<double>());
  }
}

TEST_P(EverySchedule, TimesOfAlphaUndoAlpha) {
  for (const double t : {0.0, 1e-3, 0.2, 0.7, 0.99}) {
    EXPECT_NEAR(schedule_.alpha(schedule_.time_of(schedule_.alpha(t))), schedule_.alpha(t), 1e-12) << t;
  }
  EXPECT_NEAR(schedule_.time_of(0.0), 1.0, 1e-9);
  EXPECT_NEAR(schedule_.time_of(1.0), 0.0, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EverySchedule,
                         testing::Values(ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kLogLinear,
                                         ScheduleKind::kPolynomial, ScheduleKind::kGeometric));

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
  expect_rule([] { ScheduleOptions{.kind = ScheduleKind::kPolynomial, .exponent = -1.0}.validate(); },
              "exponent: must be greater than 0");
  expect_rule([] { ScheduleOptions{.floor = 1.0}.validate(); }, "floor: must be in [0, 1)");
  expect_rule([] { ScheduleOptions{.sigma_min = 0.0}.validate(); }, "sigma_min: must be greater than 0");
  expect_rule([] { ScheduleOptions{.sigma_max = 1e-5}.validate(); }, "sigma_max: must be greater than sigma_min");
}

TEST(DiffusionOptions, ReadFromARecipeByModality) {
  const toml::table table = toml::parse("schedules.image.kind = 'cosine'\nweights.text = 0.5");
  const auto options = read_options<DiffusionOptions>(table, "recipe.toml", "diffusion");
  EXPECT_EQ(options.schedule_of("image").options().kind, ScheduleKind::kCosine);
  EXPECT_EQ(options.schedule_of("text").options().kind, ScheduleKind::kLinear);
  EXPECT_EQ(options.weight_of("text"), 0.5);
  EXPECT_EQ(options.weight_of("image"), 1.0);
}

void expect_refused(const std::string& recipe, const std::string& rule) {
  const toml::table table = toml::parse(recipe);
  expect_rule([&] { read_options<DiffusionOptions>(table, "recipe.toml", "diffusion"); }, rule);
}

TEST(DiffusionOptions, RefusesWhatDoesNotGoTogether) {
  expect_refused("complementary = true\nprocess.kind = 'uniform'", "complementary: needs process.kind = \"absorbing\"");
  expect_refused("objective.kind = 'score-entropy'\nprocess.kind = 'interpolated'",
                 "objective.kind: \"score-entropy\" is defined for absorbing and uniform, not for process.kind = "
                 "\"interpolated\"");
  expect_refused("objective.focal = 2\nprocess.kind = 'uniform'",
                 "objective.focal: needs objective.kind = \"simplified\"");
  expect_refused("objective.focal = 2\nobjective.kind = 'score-entropy'", "focal: weighs a cross-entropy");
  expect_refused("objective.focal = 0.5", "focal: must be 0 or at least 1");
  expect_refused("objective.clip = 0", "clip: must be above 0");
  expect_refused("times.density = [1.0, 0.0]", "density: must be above 0 everywhere");
  expect_refused("process.uniform_share = 1", "uniform_share: must be in (0, 1)");
  expect_refused("times.one_per = 'documents'", "did you mean 'document'?");
  expect_refused("complementary = true\nschedule.floor = 0.6", "schedule.floor: leaves no times");
  expect_refused("process.kind = 'uniform'\nschedules.image.floor = 0.5", "schedules.image.floor: leaves no times");
}

TEST(DiffusionOptions, ValidateByThePlainBound) {
  DiffusionOptions options;
  options.process.kind = ProcessKind::kUniform;
  options.objective.kind = ObjectiveKind::kScoreEntropy;
  options.times.draw = TimeDraw::kIndependent;
  options.patterns["spans"] = {};
  options.weights["text"] = 2;
  const DiffusionOptions plain = options.for_validation();
  EXPECT_EQ(plain.process.kind, ProcessKind::kUniform);
  EXPECT_EQ(plain.objective.kind, ObjectiveKind::kScoreEntropy);  // what the logits mean
  EXPECT_EQ(plain.times.draw, TimeDraw::kStratified);
  EXPECT_TRUE(plain.patterns.empty());
  EXPECT_EQ(plain.weight_of("text"), 2);
}

}  // namespace
}  // namespace palimpsest
