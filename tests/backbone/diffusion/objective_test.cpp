#include "backbone/diffusion/objective.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/corruption.h"
#include "backbone/diffusion/cross_entropy.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

constexpr std::int64_t kFewIds = 3, kPlaces = 3;

CanvasSchema tiny_schema() {
  return CanvasSchema({{"word", text_layout(kPlaces), false}}, Vocabulary({{"text", {kFewIds}}}));
}

// The exact denoiser of a random joint distribution of three ids: its conditionals, by enumeration. Illegal ids get
// junk.
class ExactDenoiser : public Denoiser {
 public:
  explicit ExactDenoiser(RandomKey key)
      : joint_(at::softmax(2 * normal(key, {kFewIds, kFewIds, kFewIds}), -1).to(at::kDouble)) {
    joint_ = joint_ / joint_.sum();
  }
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    at::Tensor logits_MV = at::full({rows_M.numel(), vocabulary_size()}, 50.0, at::kFloat);
    for (std::int64_t m = 0; m < rows_M.numel(); ++m) {
      const std::int64_t row = rows_M[m].item().toLong() / kPlaces, place = rows_M[m].item().toLong() % kPlaces;
      at::Tensor rest = joint_;
      for (std::int64_t axis = kPlaces - 1; axis >= 0; --axis) {
        if (axis == place) continue;
        const std::int64_t token = noisy.canvas.tokens_BL[row][axis].item().toLong();
        rest = token == kMaskId ? rest.sum(axis, /*keepdim=*/true) : rest.narrow(axis, token - kFirstModalityId, 1);
      }
      logits_MV[m].slice(0, kFirstModalityId).copy_(rest.flatten().log() + 7.0);
    }
    return logits_MV;
  }
  std::int64_t vocabulary_size() const override { return kFirstModalityId + kFewIds; }
  double nats(std::int64_t a, std::int64_t b, std::int64_t c) const {
    return -std::log(joint_[a][b][c].item<double>());
  }

 private:
  at::Tensor joint_;
};

TokenCanvas word(const CanvasSchema& schema, std::int64_t a, std::int64_t b, std::int64_t c) {
  Document document;
  document.roles["word"].ids_L = at::tensor({a, b, c}, at::kLong);
  return build_canvas(schema, {document});
}

// Integral over time of the expected loss over all masks, for one word: the NELBO by enumeration.
double enumerated_nelbo(ExactDenoiser& denoiser, const TokenCanvas& clean, const CanvasSchema& schema,
                        const DiffusionOptions& options) {
  constexpr int kTimes = 48;
  double total = 0;
  for (int step = 0; step < kTimes; ++step) {
    const double t = (step + 0.5) / kTimes, masked = 1 - NoiseSchedule(options.schedule).alpha(t);
    for (int mask = 1; mask < 1 << kPlaces; ++mask) {
      NoisyCanvas noisy{clean, at::full_like(clean.tokens_BL, t, at::kFloat),
                        at::zeros_like(clean.tokens_BL, at::kBool)};
      double probability = 1;
      for (std::int64_t place = 0; place < kPlaces; ++place) {
        const bool hit = mask >> place & 1;
        noisy.masked_BL[0][place] = hit;
        probability *= hit ? masked : 1 - masked;
      }
      noisy.canvas.tokens_BL = clean.tokens_BL.masked_fill(noisy.masked_BL, kMaskId);
      total += probability * diffusion_loss(denoiser, clean, noisy, schema, options).nats.at("text") * kPlaces / kTimes;
    }
  }
  return total;
}

class EveryScheduleNelbo : public testing::TestWithParam<ScheduleKind> {};

// With exact conditionals the chain rule holds in every order, so the bound is tight at any schedule.
TEST_P(EveryScheduleNelbo, IsTheLikelihoodForAnExactDenoiser) {
  const CanvasSchema schema = tiny_schema();
  ExactDenoiser denoiser(RandomKey::root(2));
  DiffusionOptions options;
  options.schedule.kind = GetParam();
  for (const auto& [a, b, c] : {std::tuple{0, 1, 2}, std::tuple{2, 2, 0}}) {
    EXPECT_NEAR(enumerated_nelbo(denoiser, word(schema, a, b, c), schema, options), denoiser.nats(a, b, c), 2e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryScheduleNelbo,
                         testing::Values(ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kPolynomial));

TEST(DiffusionLoss, EstimatesTheLikelihoodFromDraws) {
  const CanvasSchema schema = tiny_schema();
  ExactDenoiser denoiser(RandomKey::root(2));
  const std::int64_t samples = 4096;
  TokenCanvas clean = word(schema, 0, 1, 2);
  std::vector<Document> documents(samples, read_canvas(schema, clean).front());
  clean = build_canvas(schema, documents);
  DiffusionOptions options;
  options.schedule.floor = 0;
  const NoisyCanvas noisy = corrupt(clean, schema, options, RandomKey::root(3), test::indices(0, samples), 256);
  EXPECT_NEAR(diffusion_loss(denoiser, clean, noisy, schema, options).nats.at("text") * kPlaces, denoiser.nats(0, 1, 2),
              0.6);  // three deviations: 1/t weights vary much
}

// A denoiser of fixed logits: one parameter table, the same at every position.
class TableDenoiser : public Denoiser {
 public:
  explicit TableDenoiser(std::int64_t size) : table_(normal(RandomKey::root(4), {size}).set_requires_grad(true)) {}
  at::Tensor logits_MV(const NoisyCanvas&, const at::Tensor& rows_M) override {
    return table_.unsqueeze(0).expand({rows_M.numel(), table_.numel()});
  }
  std::int64_t vocabulary_size() const override { return table_.numel(); }
  at::Tensor table_;
};

struct Mixed {
  CanvasSchema schema = test::small_schema();
  TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 16, 5));
  TableDenoiser denoiser{schema.vocabulary().size()};
  NoisyCanvas noisy(const DiffusionOptions& options) const {
    return corrupt(clean, schema, options, RandomKey::root(6), test::indices(0, 16), 16);
  }
};

TEST(DiffusionLoss, IsTheSumOverLegalIdsDividedByTheNoised) {
  Mixed mixed;
  DiffusionOptions options;
  options.weights["image"] = 0.25;
  const NoisyCanvas noisy = mixed.noisy(options);
  const DiffusionLoss found = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, options);
  const at::Tensor log_p_BLV = legal_log_softmax_MV(mixed.denoiser.logits_BLV(noisy).flatten(0, 1),
                                                    mixed.clean.legal_class_BL.flatten(), mixed.schema.vocabulary());
  const at::Tensor nll_BL =
      -log_p_BLV.gather(1, mixed.clean.tokens_BL.flatten().unsqueeze(1)).view_as(mixed.clean.tokens_BL);
  const at::Tensor term_BL = (nll_BL / noisy.t_BL).masked_fill(noisy.masked_BL.logical_not(), 0);
  double expected = 0;
  for (std::int64_t k = 0; k < 3; ++k) {
    const at::Tensor here_BL = noisy.t_BL.gt(0).logical_and(mixed.clean.modality_BL.eq(k));
    const double nats = (term_BL.masked_select(here_BL).sum() / here_BL.sum()).item<double>();
    const std::string name = mixed.schema.vocabulary().space(k).modality;
    EXPECT_NEAR(found.nats.at(name), nats, 1e-4 * nats) << name;
    expected += options.weight_of(name) * nats;
  }
  EXPECT_NEAR(found.loss.item<double>(), expected, 1e-4 * expected);
}

TEST(DiffusionLoss, IllegalIdsTakeNoPart) {
  Mixed mixed;
  const NoisyCanvas noisy = mixed.noisy({});
  const double before = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, {}).loss.item<double>();
  {
    const at::NoGradGuard no_grad;
    mixed.denoiser.table_.slice(0, 0, kEndId).fill_(100.0);
    mixed.denoiser.table_.slice(0, kEndId + 1, kFirstModalityId).fill_(100.0);
  }
  const DiffusionLoss after = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, {});
  EXPECT_EQ(after.loss.item<double>(), before);
  after.loss.backward();
  EXPECT_EQ(mixed.denoiser.table_.grad().slice(0, kEndId + 1, kFirstModalityId).abs().sum().item<double>(), 0.0);
  EXPECT_GT(mixed.denoiser.table_.grad().slice(0, kFirstModalityId).abs().sum().item<double>(), 0.0);
}

TEST(DiffusionLoss, WeighsTheEndFillingAfterTheFirst) {
  Mixed mixed;
  Document document = test::random_document(mixed.schema, RandomKey::root(1), "speech");
  document.roles["caption"].ids_L = at::tensor({3, 4}, at::kLong);  // two ids, then four ends
  document.roles["picture"].frozen = true;
  mixed.clean = build_canvas(mixed.schema, {document});
  NoisyCanvas noisy{mixed.clean, mixed.clean.role_BL.eq(0).to(at::kFloat), mixed.clean.role_BL.eq(0)};
  noisy.canvas.tokens_BL = mixed.clean.tokens_BL.masked_fill(noisy.masked_BL, kMaskId);
  const auto loss_at = [&](double weight) {
    DiffusionOptions options;
    options.end_weight = weight;
    return diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, options).loss.item<double>();
  };
  const at::Tensor log_p =
      legal_log_softmax_MV(mixed.denoiser.table_.detach().unsqueeze(0), mixed.clean.legal_class_BL[0].slice(0, 0, 1),
                           mixed.schema.vocabulary());
  EXPECT_NEAR(loss_at(1) - loss_at(0), -3 * log_p[0][kEndId].item<double>() / 6, 1e-5);
}

TEST(DiffusionLoss, IsZeroWithGradientWhenNothingIsMasked) {
  Mixed mixed;
  const NoisyCanvas noisy{mixed.clean, at::zeros_like(mixed.clean.tokens_BL, at::kFloat),
                          at::zeros_like(mixed.clean.tokens_BL, at::kBool)};
  const DiffusionLoss found = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, {});
  EXPECT_EQ(found.loss.item<double>(), 0.0);
  EXPECT_TRUE(found.nats.empty());
  found.loss.backward();
  EXPECT_EQ(mixed.denoiser.table_.grad().abs().sum().item<double>(), 0.0);
}

// The loss of one masked position of one role at time t, and its probability: linear schedule, nothing else noised.
struct OnePosition {
  double loss = 0, nats = 0, p = 0;
};

OnePosition one_position(const ObjectiveOptions& objective, double t, ProcessKind process = ProcessKind::kAbsorbing) {
  Mixed mixed;
  DiffusionOptions options;
  options.objective = objective;
  options.process.kind = process;
  options.validate();
  NoisyCanvas noisy{mixed.clean, at::zeros_like(mixed.clean.tokens_BL, at::kFloat),
                    at::zeros_like(mixed.clean.tokens_BL, at::kBool)};
  noisy.masked_BL[0][7] = true;
  noisy.t_BL[0][7] = t;
  if (process == ProcessKind::kAbsorbing) {
    noisy.canvas.tokens_BL = mixed.clean.tokens_BL.masked_fill(noisy.masked_BL, kMaskId);
  }
  const DiffusionLoss found = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, options);
  found.loss.backward();
  EXPECT_GT(mixed.denoiser.table_.grad().abs().sum().item<double>(), 0);
  const at::Tensor log_p =
      legal_log_prob_M(mixed.denoiser.table_.detach().unsqueeze(0), mixed.clean.tokens_BL[0].slice(0, 7, 8),
                       mixed.clean.legal_class_BL[0].slice(0, 7, 8), mixed.schema.vocabulary());
  return {found.loss.item<double>(), found.nats.at("image"), log_p.exp().item<double>()};
}

TEST(Objective, WeighsAsItSays) {
  for (const double t : {0.05, 0.5, 0.9}) {
    const OnePosition nelbo = one_position({}, t), simple = one_position({.kind = ObjectiveKind::kSimplified}, t);
    const OnePosition clipped = one_position({.kind = ObjectiveKind::kSnrClipped, .clip = 2.0}, t);
    const OnePosition focal = one_position({.kind = ObjectiveKind::kSimplified, .focal = 2.0}, t);
    const double nll = -std::log(nelbo.p), snr = (1 - t) / t;
    EXPECT_NEAR(nelbo.loss, nll / t, 1e-5 * nll / t);
    EXPECT_NEAR(simple.loss, nll, 1e-5 * nll);
    EXPECT_NEAR(clipped.loss, nll / t * std::min(1.0, 2.0 / snr), 1e-5 * nll / t);
    EXPECT_NEAR(focal.loss, nll * std::pow(1 - nelbo.p, 2), 1e-5 * nll);
    for (const OnePosition& other : {simple, clipped, focal}) EXPECT_EQ(other.nats, nelbo.nats);
  }
}

TEST(Objective, OfOtherProcessesIsTheirBoundOrPlainCrossEntropy) {
  const OnePosition bound = one_position({}, 0.3, ProcessKind::kUniform);
  const OnePosition simple = one_position({.kind = ObjectiveKind::kSimplified}, 0.3, ProcessKind::kUniform);
  const OnePosition clipped =
      one_position({.kind = ObjectiveKind::kSnrClipped, .clip = 0.5}, 0.3, ProcessKind::kUniform);
  EXPECT_EQ(bound.loss, bound.nats);
  EXPECT_EQ(simple.nats, bound.nats);
  EXPECT_NEAR(simple.loss, -std::log(bound.p), 1e-5);
  EXPECT_NEAR(clipped.loss, bound.loss * 0.5 * 0.3 / 0.7, 1e-5 * bound.loss);
}

TEST(Objective, IsWeighedByHowTheNoiseWasDrawn) {
  Mixed mixed;
  NoisyCanvas noisy = mixed.noisy({});
  const DiffusionLoss plain = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, {});
  noisy.weight_BL = at::full_like(noisy.t_BL, 0.5);
  const DiffusionLoss halved = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, {});
  EXPECT_NEAR(halved.loss.item<double>(), plain.loss.item<double>() / 2, 1e-5);
  EXPECT_NEAR(halved.nats.at("text"), plain.nats.at("text") / 2, 1e-5);
}

TEST(Objective, IsZeroWithGradientForEveryProcessWhenNothingIsNoised) {
  Mixed mixed;
  DiffusionOptions options;
  options.process.kind = ProcessKind::kInterpolated;
  const NoisyCanvas noisy{mixed.clean, at::zeros_like(mixed.clean.tokens_BL, at::kFloat),
                          at::zeros_like(mixed.clean.tokens_BL, at::kBool)};
  const DiffusionLoss found = diffusion_loss(mixed.denoiser, mixed.clean, noisy, mixed.schema, options);
  EXPECT_EQ(found.loss.item<double>(), 0.0);
  found.loss.backward();
  EXPECT_EQ(mixed.denoiser.table_.grad().abs().sum().item<double>(), 0.0);
}

TEST(LegalLogSoftmax, IsADistributionOverLegalIds) {
  const Vocabulary vocabulary = test::small_schema().vocabulary();
  const at::Tensor classes = at::arange(vocabulary.num_classes());
  const at::Tensor logits = normal(RandomKey::root(9), {vocabulary.num_classes(), vocabulary.size()});
  const at::Tensor log_p = legal_log_softmax_MV(logits, classes, vocabulary);
  EXPECT_TRUE(at::allclose(log_p.exp().sum(1), at::ones({vocabulary.num_classes()})));
  EXPECT_TRUE(log_p.isfinite().equal(vocabulary.legal_CV()));
  const LegalClass& legal = vocabulary.legal_class(0);
  const at::Tensor target = at::tensor({legal.range.begin + 1}, at::kLong);
  EXPECT_EQ(legal_log_prob_M(logits.slice(0, 0, 1), target, classes.slice(0, 0, 1), vocabulary).item<float>(),
            log_p[0][legal.range.begin + 1].item<float>());
}

TEST(LocalTargets, RefuseAnIllegalId) {
  const LegalClass plain{{16, 20}, false, 0}, elastic{{16, 20}, true, 0};
  EXPECT_TRUE(local_targets_M(at::tensor({16, 19}, at::kLong), plain).equal(at::tensor({0, 3}, at::kLong)));
  EXPECT_TRUE(local_targets_M(at::tensor({2, 16}, at::kLong), elastic).equal(at::tensor({0, 1}, at::kLong)));
  EXPECT_THROW(local_targets_M(at::tensor({2}, at::kLong), plain), c10::Error);
  EXPECT_THROW(local_targets_M(at::tensor({20}, at::kLong), elastic), c10::Error);
}

}  // namespace
}  // namespace palimpsest
