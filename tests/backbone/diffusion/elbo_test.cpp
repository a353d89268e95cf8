// Every process's bound against enumeration on a tiny vocabulary.
#include "backbone/diffusion/elbo.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/backbone/diffusion/tiny_world.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

using test::kIds;
using test::TinyWorld;

struct BoundCase {
  ProcessKind process;
  ScheduleKind schedule;
  ObjectiveKind objective = ObjectiveKind::kNelbo;
  DiffusionOptions options() const {
    DiffusionOptions options;
    options.process.kind = process;
    options.process.uniform_share = 0.2;
    options.schedule.kind = schedule;
    options.objective.kind = objective;
    options.validate();
    return options;
  }
};

class EveryBoundLaw : public testing::TestWithParam<BoundCase> {};

TEST_P(EveryBoundLaw, IsTheLikelihoodForTheExactDenoiser) {
  TinyWorld world(2, GetParam().options());
  for (const std::int64_t word : {0, 4, 7}) {
    EXPECT_NEAR(world.bound(word), world.nats(word), 4e-3) << word;
  }
}

// Averaged over the data, a bound of any model is at least their entropy, and above it unless the model is exact.
TEST_P(EveryBoundLaw, IsAboveTheEntropyForAnyOtherDenoiser) {
  for (const double power : {0.4, 1.0, 1.7}) {
    TinyWorld world(2, GetParam().options(), power);
    double bound = 0, entropy = 0;
    for (std::int64_t word = 0; word < world.words.size(0); ++word) {
      const double p = world.probability[word].item<double>();
      bound += p * world.bound(word, 60);
      entropy += p * world.nats(word);
    }
    if (power == 1.0) {
      EXPECT_NEAR(bound, entropy, 1e-2);
    } else {
      EXPECT_GT(bound, entropy + 2e-2) << power;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Processes, EveryBoundLaw,
    testing::Values(BoundCase{ProcessKind::kAbsorbing, ScheduleKind::kLinear},
                    BoundCase{ProcessKind::kAbsorbing, ScheduleKind::kGeometric},
                    BoundCase{ProcessKind::kAbsorbing, ScheduleKind::kCosine, ObjectiveKind::kScoreEntropy},
                    BoundCase{ProcessKind::kUniform, ScheduleKind::kLinear},
                    BoundCase{ProcessKind::kUniform, ScheduleKind::kCosine},
                    BoundCase{ProcessKind::kUniform, ScheduleKind::kLinear, ObjectiveKind::kScoreEntropy},
                    BoundCase{ProcessKind::kInterpolated, ScheduleKind::kLinear},
                    BoundCase{ProcessKind::kInterpolated, ScheduleKind::kPolynomial}));

// sum over k of S_k/k, S_k the mean over k-subsets of the summed cross-entropy: no schedule in it (MDLM, LLaDA).
double subset_bound(TinyWorld& world, std::int64_t word) {
  const std::int64_t L = world.places;
  Document document;
  document.roles["word"].ids_L = world.words[word];
  const TokenCanvas clean = build_canvas(world.schema, {document});
  double bound = 0;
  for (int mask = 1; mask < 1 << L; ++mask) {
    NoisyCanvas noisy{clean, at::full_like(clean.tokens_BL, 0.5, at::kFloat),
                      at::zeros_like(clean.tokens_BL, at::kBool)};  // any time will do
    for (std::int64_t l = 0; l < L; ++l) noisy.masked_BL[0][l] = (mask >> l & 1) != 0;
    noisy.canvas.tokens_BL = clean.tokens_BL.masked_fill(noisy.masked_BL, kMaskId);
    const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
    const double k = static_cast<double>(rows_M.numel()), n = static_cast<double>(L);
    const double subsets = std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1));
    bound += legal_nll_M(world, clean, noisy, world.schema, rows_M).sum().item<double>() / subsets / k;
  }
  return bound;
}

class EveryAbsorbingScheduleLaw : public testing::TestWithParam<ScheduleKind> {};

// Of a wrong denoiser too, as long as it does not look at the time.
TEST_P(EveryAbsorbingScheduleLaw, BoundDoesNotDependOnTheSchedule) {
  TinyWorld world(3, BoundCase{ProcessKind::kAbsorbing, GetParam()}.options(), 0.5);
  for (const std::int64_t word : {3, 17}) EXPECT_NEAR(world.bound(word), subset_bound(world, word), 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryAbsorbingScheduleLaw,
                         testing::Values(ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kLogLinear,
                                         ScheduleKind::kPolynomial, ScheduleKind::kGeometric));

NoisedRows rows_at(const ProcessOptions& process, double share, std::vector<std::int64_t> seen) {
  const at::Tensor share_M = at::full({static_cast<std::int64_t>(seen.size())}, share, at::kDouble);
  at::Tensor seen_M = at::tensor(seen, at::kLong);
  return {at::zeros_like(seen_M), seen_M, noise_level(process, share_M)};
}

// Term by term as written, in float64: rate(z)/q(z) [KL(q || p) + rho - log rho - 1].
double plain_elbo(const NoiseLevel<double>& level, const std::vector<double>& x0, std::int64_t z) {
  const auto R = static_cast<double>(x0.size());
  std::vector<double> q, p;
  for (std::size_t y = 0; y < x0.size(); ++y) {
    q.push_back(level.uniform / R + (y == 0 ? level.keep : 0));
    p.push_back(level.uniform / R + level.keep * x0[y]);
  }
  double kl = 0;
  for (std::size_t y = 0; y < x0.size(); ++y) kl += q[y] * std::log(q[y] / p[y]);
  const auto at = static_cast<std::size_t>(z);
  const double rate = z < 0 ? level.to_mask : level.to_uniform / R, mass = z < 0 ? level.mask : q[at];
  const double rho = z < 0 ? 1 : q[at] / p[at];
  return rate / mass * (kl + rho - std::log(rho) - 1);
}

TEST(Elbo, IsTheFormulaAsWritten) {
  const at::Tensor logits_MR = normal(RandomKey::root(8), {4, 5});
  for (const ProcessKind kind : {ProcessKind::kUniform, ProcessKind::kInterpolated}) {
    for (const double share : {1e-3, 0.3, 0.97}) {
      const ProcessOptions process{kind, 0.3};
      const std::int64_t last = kind == ProcessKind::kUniform ? 1 : -1;
      const NoisedRows rows = rows_at(process, share, {0, 2, 4, last});
      const at::Tensor found_M = elbo_M(logits_MR, rows), x0_MR = at::softmax(logits_MR.to(at::kDouble), 1);
      for (std::int64_t m = 0; m < 4; ++m) {
        const double* x0 = x0_MR[m].const_data_ptr<double>();
        const double plain = plain_elbo(noise_level(process, share), {x0, x0 + 5}, rows.seen_M[m].item<std::int64_t>());
        EXPECT_NEAR(found_M[m].item<double>(), plain, 2e-5 * std::abs(plain) + 1e-6) << share << " " << m;
      }
    }
  }
}

TEST(Elbo, TendsToTheWeightedCrossEntropyAsUniformNoiseGoes) {
  const at::Tensor logits_MR = normal(RandomKey::root(8), {1, 5});
  const double nll = -at::log_softmax(logits_MR, 1)[0][0].item<double>(), share = 0.4;
  EXPECT_NEAR(elbo_M(logits_MR, rows_at({ProcessKind::kInterpolated, 1e-9}, share, {-1})).item<double>(), nll / share,
              1e-4);
  EXPECT_NEAR(elbo_M(logits_MR, rows_at({ProcessKind::kInterpolated, 1e-9}, share, {0})).item<double>(), 0, 1e-4);
}

// The scores that follow from x0 make score entropy and the bound the same thing.
TEST(ScoreEntropy, OfScoresThatFollowFromX0IsTheBound) {
  const ProcessOptions process{ProcessKind::kUniform, 0.1};
  const at::Tensor logits_MR = normal(RandomKey::root(9), {3, 5});
  const NoisedRows rows = rows_at(process, 0.35, {0, 1, 3});
  const at::Tensor marginal_MR = (at::softmax(logits_MR, 1) * 0.65 + 0.35 / 5).log() + 3.0;  // a constant is nothing
  EXPECT_TRUE(at::allclose(uniform_score_entropy_M(marginal_MR, rows), elbo_M(logits_MR, rows), 1e-4, 1e-5));
}

TEST(ScoreEntropy, OfTheAbsorbingProcessIsCrossEntropyAndAPenaltyForMass) {
  const at::Tensor clean_M = at::tensor({0, 2}, at::kLong);
  const at::Tensor log_p_MR = at::log_softmax(normal(RandomKey::root(9), {2, 5}), 1);
  const at::Tensor nll_M = -log_p_MR.gather(1, clean_M.unsqueeze(1)).squeeze(1);
  const double R = 5;
  EXPECT_TRUE(at::allclose(absorbing_score_entropy_M(log_p_MR + std::log(R), clean_M), nll_M, 1e-5, 1e-6));
  const double mass = 1.7, penalty = mass - 1 - std::log(mass);
  EXPECT_TRUE(
      at::allclose(absorbing_score_entropy_M(log_p_MR + std::log(R * mass), clean_M), nll_M + penalty, 1e-5, 1e-5));
}

TEST(Elbo, HasFiniteGradientsAtTheEnds) {
  for (const double share : {1e-7, 1 - 1e-7}) {
    at::Tensor logits_MR = (30 * normal(RandomKey::root(8), {3, 5})).set_requires_grad(true);
    elbo_M(logits_MR, rows_at({ProcessKind::kInterpolated, 0.1}, share, {0, 3, -1})).sum().backward();
    EXPECT_TRUE(logits_MR.grad().isfinite().all().item<bool>()) << share;
  }
}

}  // namespace
}  // namespace palimpsest
