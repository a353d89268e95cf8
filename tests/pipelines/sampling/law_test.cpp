// The reverse-law samplers follow their law, enumerated exactly: ancestral, first-hitting, and remasking.
#include <gtest/gtest.h>

#include <utility>

#include "backbone/quality.h"
#include "pipelines/sampling/remask.h"
#include "tests/pipelines/sampling/laws.h"

namespace palimpsest::test {
namespace {

// Stay and remask probabilities of each role, written down again from the papers.
std::vector<Rates> rates_at(const World& world, const SamplerOptions& options, std::int64_t step) {
  std::vector<Rates> rates;
  for (const StepTimes& times : step_times(world.schema, world.diffusion, options, step)) {
    const double kept_t = 1 - times.masked_t, kept_s = 1 - times.masked_s;
    const double most = kept_t > 0 ? std::min(1.0, (1 - kept_s) / kept_t) : 0;
    double sigma = 0;
    if (options.remask.kind == RemaskKind::kCap) sigma = std::min(options.remask.rate, most);
    if (options.remask.kind == RemaskKind::kRescale) sigma = options.remask.rate * most;
    if (options.remask.kind == RemaskKind::kLoop && kept_t == kept_s) sigma = std::min(options.remask.rate, most);
    if (options.remask.kind == RemaskKind::kForwardBackward && kept_t > 0) {
      sigma = std::min((kept_s - kept_t) / kept_t, most);
    }
    rates.push_back({1 - (kept_s - (1 - sigma) * kept_t) / (1 - kept_t), sigma});
  }
  return rates;
}

Law reverse_law(const World& world, const SamplerOptions& options, std::int64_t steps_done) {
  std::vector<std::vector<Rates>> rates;
  for (std::int64_t step = 0; step < steps_done; ++step) rates.push_back(rates_at(world, options, step));
  return enumerate(world.schema, steps_done, [&](const Filling& before, std::int64_t step) {
    return independent_step(*world.denoiser, world.schema, before, rates[static_cast<std::size_t>(step)]);
  });
}

struct LawCase {
  std::int64_t steps;
  TimeGridKind grid;
  RemaskKind remask = RemaskKind::kNone;
};

SamplerOptions ancestral(const LawCase& law) {
  SamplerOptions options;
  options.unmask = UnmaskKind::kAncestral;
  options.steps = law.steps;
  options.grid = law.grid;
  options.remask.kind = law.remask;
  options.remask.rate = 0.3;
  options.remask.loop_keep = 0.6;
  options.remask.loop_off = 0.3;
  options.remask.loop_on = 0.7;
  return options;
}

World uneven_world() {
  World world(tabulated_schema());
  world.diffusion.schedules["image"].kind = ScheduleKind::kPolynomial;  // the modalities have their own pace
  return world;
}

class AncestralLaw : public testing::TestWithParam<LawCase> {};

TEST_P(AncestralLaw, FollowsTheEnumeratedReverseProcess) {
  const World world = uneven_world();
  const SamplerOptions options = ancestral(GetParam());
  expect_samples(world, options, reverse_law(world, options, options.steps));
}

INSTANTIATE_TEST_SUITE_P(Steps, AncestralLaw,
                         testing::Values(LawCase{1, TimeGridKind::kUniform}, LawCase{2, TimeGridKind::kUniform},
                                         LawCase{4, TimeGridKind::kCosine}, LawCase{16, TimeGridKind::kUniform},
                                         LawCase{256, TimeGridKind::kUniform}));

class RemaskLaw : public testing::TestWithParam<LawCase> {};

TEST_P(RemaskLaw, FollowsTheEnumeratedChain) {
  const World world = uneven_world();
  const SamplerOptions options = ancestral(GetParam());
  expect_samples(world, options, reverse_law(world, options, options.steps));
}

// What ReMDM's kernel is made for: however much is masked again, a position is masked at time s with 1 - alpha_s.
TEST_P(RemaskLaw, KeepsTheMarginalsOfTheMasks) {
  const World world = uneven_world();
  const SamplerOptions options = ancestral(GetParam());
  for (std::int64_t done = 1; done <= options.steps; ++done) {
    const auto times = step_times(world.schema, world.diffusion, options, done - 1);
    std::vector<double> share(4, 0);
    for (const auto& [state, probability] : reverse_law(world, options, done)) {
      for (std::size_t l = 0; l < 4; ++l) share[l] += state[l] == kMaskId ? probability : 0;
    }
    for (std::size_t l = 0; l < 4; ++l) EXPECT_NEAR(share[l], times[l / 2].masked_s, 1e-12) << "after step " << done;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RemaskLaw,
                         testing::Values(LawCase{1, TimeGridKind::kUniform, RemaskKind::kCap},
                                         LawCase{2, TimeGridKind::kCosine, RemaskKind::kRescale},
                                         LawCase{4, TimeGridKind::kUniform, RemaskKind::kCap},
                                         LawCase{8, TimeGridKind::kCosine, RemaskKind::kCap},
                                         LawCase{6, TimeGridKind::kUniform, RemaskKind::kRescale},
                                         LawCase{8, TimeGridKind::kUniform, RemaskKind::kLoop},
                                         LawCase{6, TimeGridKind::kUniform, RemaskKind::kForwardBackward},
                                         LawCase{16, TimeGridKind::kUniform, RemaskKind::kForwardBackward}));

// Of the sampler itself: the share of masks in its traces, step by step, by a bound of six standard deviations.
TEST(RemaskLaw, TracesKeepTheMarginalsForEveryKind) {
  const World world(line_schema());
  const std::int64_t rows = 4000;
  for (const RemaskKind kind : {RemaskKind::kNone, RemaskKind::kCap, RemaskKind::kRescale, RemaskKind::kConfidence,
                                RemaskKind::kLoop, RemaskKind::kForwardBackward}) {
    const SamplerOptions options = ancestral({8, TimeGridKind::kUniform, kind});
    const Trace trace =
        Sampler(world.model(rows), options).run(blank_canvas(world.schema, rows), sample_keys(5, 0, rows)).trace;
    for (std::int64_t done = 1; done <= options.steps; ++done) {
      const double expected = step_times(world.schema, world.diffusion, options, done - 1)[0].masked_s;
      const double seen = trace.replay(done).eq(kMaskId).to(at::kDouble).mean().item<double>();
      EXPECT_NEAR(seen, expected, 6 * std::sqrt(expected * (1 - expected) / static_cast<double>(4 * rows)) + 1e-12)
          << enum_name(kind) << " after step " << done;
    }
  }
}

// The exact denoiser with the exact judgement: how likely an id is given all the others.
class ExactJudge : public TabulatedDenoiser, public QualityHead {
 public:
  using TabulatedDenoiser::TabulatedDenoiser;
  at::Tensor quality_M(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor quality_M = at::empty({rows_M.numel()}, at::kFloat);
    for (std::int64_t m = 0; m < rows_M.numel(); ++m) {
      const std::int64_t flat = rows_M[m].item<std::int64_t>(), length = noisy.canvas.length();
      Filling others = row_of(noisy.canvas.tokens_BL, flat / length);
      const std::int64_t id = std::exchange(others[static_cast<std::size_t>(flat % length)], kMaskId);
      quality_M[m] = conditional(others, flat % length).at(id);
    }
    return quality_M;
  }
};

// What the head finds unlikely is masked again more often, and as much in all as the schedule lets.
TEST(RemaskLaw, QualityMasksTheUnlikelyAndKeepsTheMarginals) {
  World world(line_schema());
  world.denoiser = std::make_shared<ExactJudge>(world.schema, RandomKey::root(3));
  const std::int64_t rows = 2000;
  const SamplerOptions options = ancestral({5, TimeGridKind::kUniform, RemaskKind::kQuality});
  const Trace trace =
      Sampler(world.model(rows), options).run(blank_canvas(world.schema, rows), sample_keys(5, 0, rows)).trace;
  double masked_quality = 0, kept_quality = 0, masked = 0, kept = 0;
  for (std::int64_t done = 1; done < options.steps; ++done) {
    const at::Tensor before_BL = trace.replay(done), after_BL = trace.replay(done + 1);
    const double expected = step_times(world.schema, world.diffusion, options, done - 1)[0].masked_s;
    EXPECT_NEAR(before_BL.eq(kMaskId).to(at::kDouble).mean().item<double>(), expected,
                6 * std::sqrt(expected * (1 - expected) / static_cast<double>(4 * rows)))
        << done;
    for (std::int64_t row = 0; row < rows; ++row) {
      const Filling state = row_of(before_BL, row), next = row_of(after_BL, row);
      for (std::size_t l = 0; l < 4; ++l) {
        if (state[l] == kMaskId) continue;
        Filling others = state;
        others[l] = kMaskId;
        const double quality = world.denoiser->conditional(others, static_cast<std::int64_t>(l)).at(state[l]);
        (next[l] == kMaskId ? masked_quality : kept_quality) += quality;
        (next[l] == kMaskId ? masked : kept) += 1;
      }
    }
  }
  EXPECT_LT(masked_quality / masked, kept_quality / kept - 0.01);
}

double distance(const Law& a, const Law& b) {
  double sum = 0;
  for (const auto& [filling, probability] : a) {
    const auto found = b.find(filling);
    sum += std::abs(probability - (found == b.end() ? 0 : found->second));
  }
  return sum / 2;
}

TEST(AncestralLaw, OneStepIsTheProductOfMarginalsAndManyStepsTheJoint) {
  const World world(tabulated_schema());
  SamplerOptions options = ancestral({1, TimeGridKind::kCosine});
  const Law one = reverse_law(world, options, 1);
  const Filling blank(4, kMaskId);
  for (const auto& [filling, probability] : one) {
    double product = 1;
    for (std::int64_t l = 0; l < 4; ++l)
      product *= world.denoiser->conditional(blank, l).at(filling[static_cast<std::size_t>(l)]);
    EXPECT_NEAR(probability, product, 1e-12);
  }
  options.grid = TimeGridKind::kUniform;
  double before = distance(world.joint(), one);
  EXPECT_GT(before, 0.05);
  for (const std::int64_t steps : {4, 16, 64}) {
    options.steps = steps;
    const double now = distance(world.joint(), reverse_law(world, options, steps));
    EXPECT_LT(now, before * 0.6) << steps;
    before = now;
  }
}

// With more and shorter steps a chain that masks again ends at the joint distribution too.
TEST(RemaskLaw, ManyStepsTendToTheJoint) {
  const World world(tabulated_schema());
  const auto error = [&](std::int64_t steps) {
    const SamplerOptions options = ancestral({steps, TimeGridKind::kUniform, RemaskKind::kForwardBackward});
    return distance(world.joint(), reverse_law(world, options, steps));
  };
  EXPECT_LT(error(16), 0.7 * error(4));
  EXPECT_LT(error(64), 0.5 * error(16));
}

// t -> r -> s is t -> s, for the same prediction.
TEST(ReverseStepLaw, StepsCompose) {
  for (const double t : {1.0, 0.8, 0.35}) {
    for (const double r : {0.75 * t, 0.5 * t}) {
      for (const double s : {0.5 * r, 0.01 * r, 0.0}) {
        const double first = stay_probability({t, r, t, r}, 0), second = stay_probability({r, s, r, s}, 0);
        EXPECT_NEAR(first * second, stay_probability({t, s, t, s}, 0), 1e-15) << t << " " << r << " " << s;
      }
    }
  }
}

// alpha_t (1 - sigma) + (1 - alpha_t) reveal = alpha_s for every sigma that a kind gives, and all are probabilities.
TEST(ReverseStepLaw, MarginalsHoldForEverySigma) {
  RemaskOptions options;
  for (const RemaskKind kind : {RemaskKind::kCap, RemaskKind::kRescale, RemaskKind::kConfidence, RemaskKind::kLoop,
                                RemaskKind::kForwardBackward}) {
    options.kind = kind;
    for (const double rate : {0.0, 0.02, 0.6, 1.0}) {
      options.rate = rate;
      for (const double masked_t : {1.0, 0.9, 0.5, 0.1}) {
        for (const double masked_s : {masked_t, 0.9 * masked_t, 0.3 * masked_t, 0.0}) {
          const StepTimes times{masked_t, masked_s, masked_t, masked_s};
          const double sigma = remask_probability(options, times), stay = stay_probability(times, sigma);
          EXPECT_TRUE(sigma >= 0 && sigma <= 1) << sigma;
          EXPECT_TRUE(stay >= -1e-15 && stay <= 1 + 1e-15) << stay;
          EXPECT_NEAR((1 - masked_t) * (1 - sigma) + masked_t * (1 - stay), 1 - masked_s, 1e-12);
        }
      }
    }
  }
}

TEST(ReverseStepLaw, RemaskingKeepsToItsWindow) {
  RemaskOptions options;
  options.kind = RemaskKind::kCap;
  options.rate = 0.2;
  options.from = 0.6;
  options.until = 0.4;
  EXPECT_EQ(remask_probability(options, {0.7, 0.5, 0.7, 0.5}), 0);
  EXPECT_EQ(remask_probability(options, {0.5, 0.45, 0.5, 0.45}), 0.2);
  EXPECT_EQ(remask_probability(options, {0.3, 0.2, 0.3, 0.2}), 0);
}

SamplerOptions hitting(std::int64_t steps) {
  SamplerOptions options;
  options.unmask = UnmaskKind::kFirstHitting;
  options.steps = steps;
  return options;
}

// One position a step, each from its exact conditional: the joint distribution, with no error of discretisation.
TEST(FirstHittingLaw, OnePositionAStepIsTheJointDistribution) {
  const World world(line_schema());
  expect_samples(world, hitting(4), world.joint());
}

// The masked share at the i-th hit of L is the i-th greatest of L uniforms: (L - i + 1)/(L + 1) in the mean.
TEST(FirstHittingLaw, HitsAtTheTimesOfTheProcess) {
  const World world(line_schema());
  const std::int64_t rows = 20'000;
  const SamplerOptions options = hitting(4);
  TokenCanvas canvas = blank_canvas(world.schema, rows);
  const auto keys = sample_keys(3, 0, rows);
  Pace pace(world.schema, world.diffusion, options, canvas, keys);
  for (std::int64_t hit = 1; hit <= 4; ++hit) {
    double sum = 0;
    for (const RoleStep& now : pace.at(canvas, hit - 1)) sum += now.times.masked_t;
    canvas.tokens_BL.select(1, hit - 1).fill_(kFirstModalityId);
    const auto mean = static_cast<double>(4 - hit + 1) / 5.0;
    EXPECT_NEAR(sum / static_cast<double>(rows), mean, 6 * 0.2 / std::sqrt(static_cast<double>(rows))) << hit;
  }
}

}  // namespace
}  // namespace palimpsest::test
