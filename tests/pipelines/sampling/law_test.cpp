// The reverse-law sampler follows its law, enumerated exactly; the bound of scoring too.
#include <gtest/gtest.h>

#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tabulated.h"

namespace palimpsest::test {
namespace {

using Law = std::map<Filling, double>;

// Extends each state by what may happen at position l in one step: stay masked, or take an id of the model's
// conditional.
Law step_at(const Law& partial, const TabulatedDenoiser& denoiser, const Filling& before, std::int64_t l, double stay) {
  Law next;
  for (const auto& [state, probability] : partial) {
    if (stay > 0) next[state] += probability * stay;
    for (const auto& [id, p] : denoiser.conditional(before, l)) {
      Filling written = state;
      written[static_cast<std::size_t>(l)] = id;
      next[written] += probability * (1 - stay) * p;
    }
  }
  return next;
}

// The law of N reverse steps, by following every state.
Law enumerated_law(const TabulatedDenoiser& denoiser, const CanvasSchema& schema, const DiffusionOptions& diffusion,
                   const SamplerOptions& options) {
  Law law{{Filling(static_cast<std::size_t>(schema.length()), kMaskId), 1.0}};
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const auto times = step_times(schema, diffusion, options, step);
    Law next;
    for (const auto& [before, probability] : law) {
      Law partial{{before, probability}};
      for (std::int64_t l = 0; l < schema.length(); ++l) {
        if (before[static_cast<std::size_t>(l)] != kMaskId) continue;
        const StepTimes& role = times[static_cast<std::size_t>(schema.role_L()[l].item<std::int64_t>())];
        partial = step_at(partial, denoiser, before, l, role.masked_s / role.masked_t);
      }
      for (const auto& [state, p] : partial) next[state] += p;
    }
    law = std::move(next);
  }
  return law;
}

// Pearson's statistic over cells expected at least five times (the rest pooled), and its quantile at one in a million
// (Wilson and Hilferty 1931).
void expect_follows(const Law& law, const std::map<Filling, std::int64_t>& counts, std::int64_t draws) {
  double statistic = 0, pooled_expected = 0, pooled_seen = 0;
  int cells = 0;
  const auto add = [&](double expected, double seen) {
    statistic += (seen - expected) * (seen - expected) / expected;
    ++cells;
  };
  std::int64_t seen_in_law = 0;
  for (const auto& [filling, probability] : law) {
    const auto found = counts.find(filling);
    const auto seen = found == counts.end() ? 0.0 : static_cast<double>(found->second);
    seen_in_law += static_cast<std::int64_t>(seen);
    const double expected = probability * static_cast<double>(draws);
    if (expected >= 5) {
      add(expected, seen);
    } else {
      pooled_expected += expected;
      pooled_seen += seen;
    }
  }
  if (pooled_expected > 0) add(pooled_expected, pooled_seen);
  ASSERT_EQ(seen_in_law, draws) << "a draw that the law excludes";
  const double freedom = cells - 1, shrink = 2.0 / (9.0 * freedom);
  EXPECT_LT(statistic, freedom * std::pow(1 - shrink + 4.75 * std::sqrt(shrink), 3)) << cells << " cells";
}

struct LawCase {
  std::int64_t steps;
  TimeGridKind grid;
};

class AncestralLaw : public testing::TestWithParam<LawCase> {};

TEST_P(AncestralLaw, FollowsTheEnumeratedReverseProcess) {
  const CanvasSchema schema = small_schema();
  auto denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(3));
  DiffusionOptions diffusion;
  diffusion.schedules["image"].kind = ScheduleKind::kPolynomial;  // the modalities have their own pace
  SamplerOptions options;
  options.unmask = UnmaskKind::kAncestral;
  options.steps = GetParam().steps;
  options.grid = GetParam().grid;
  const std::int64_t draws = 50'000;
  const Sampler sampler({denoiser, schema, diffusion, c10::DeviceType::CPU, 500}, options);
  const auto result = sampler.run(blank_canvas(schema, draws), sample_keys(1, 0, draws));
  std::map<Filling, std::int64_t> counts;
  for (std::int64_t row = 0; row < draws; ++row) ++counts[row_of(result.canvas.tokens_BL, row)];
  expect_follows(enumerated_law(*denoiser, schema, diffusion, options), counts, draws);
}

INSTANTIATE_TEST_SUITE_P(Steps, AncestralLaw,
                         testing::Values(LawCase{1, TimeGridKind::kUniform}, LawCase{2, TimeGridKind::kUniform},
                                         LawCase{4, TimeGridKind::kCosine}, LawCase{16, TimeGridKind::kUniform}));

double distance(const Law& law, const TabulatedDenoiser& denoiser) {
  double sum = 0;
  for (std::size_t i = 0; i < denoiser.fillings().size(); ++i) {
    const auto found = law.find(denoiser.fillings()[i]);
    sum += std::abs(denoiser.probabilities()[i] - (found == law.end() ? 0 : found->second));
  }
  return sum / 2;
}

TEST(EnumeratedLaw, OneStepIsTheProductOfMarginalsAndManyStepsTheJoint) {
  const CanvasSchema schema = small_schema();
  const TabulatedDenoiser denoiser(schema, RandomKey::root(3));
  SamplerOptions options;
  options.steps = 1;
  const Law one = enumerated_law(denoiser, schema, {}, options);
  const Filling blank(4, kMaskId);
  for (const auto& [filling, probability] : one) {
    double product = 1;
    for (std::int64_t l = 0; l < 4; ++l)
      product *= denoiser.conditional(blank, l).at(filling[static_cast<std::size_t>(l)]);
    EXPECT_NEAR(probability, product, 1e-12);
  }
  options.grid = TimeGridKind::kUniform;
  double before = distance(one, denoiser);
  EXPECT_GT(before, 0.05);
  for (const std::int64_t steps : {4, 16, 64}) {
    options.steps = steps;
    const double now = distance(enumerated_law(denoiser, schema, {}, options), denoiser);
    EXPECT_LT(now, before * 0.6) << steps;
    before = now;
  }
}

}  // namespace
}  // namespace palimpsest::test
