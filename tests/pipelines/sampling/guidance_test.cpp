// Guidance: its closed forms, schedules and windows, given roles with weights of their own, other papers' conventions.
#include "pipelines/sampling/guidance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "pipelines/sampling/sampler.h"
#include "tests/pipelines/tabulated.h"
#include "tests/pipelines/tiny_tokenizers.h"

namespace palimpsest::test {
namespace {

// The conditional logits, over the whole vocabulary.
at::Tensor logits_at(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  return model.denoiser->logits_MV(noisy, rows_M);
}

// Three roles, two of which are given: a world of two conditions.
CanvasSchema three_roles() {
  const Vocabulary vocabulary({code_space("text", 3), code_space("image", 2), code_space("audio", 3)});
  return CanvasSchema({{"word", text_layout(1), false},
                       {"picture", grid_layout(1, 1), false},
                       {"sound", text_layout(2, "audio"), false}},
                      vocabulary);
}

struct TwoConditions {
  CanvasSchema schema = three_roles();
  std::shared_ptr<TabulatedDenoiser> denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(11));
  DiffusionModel model{denoiser, schema, {}};
  TokenCanvas canvas = given(true);
  at::Tensor rows_M = at::tensor({2, 3}, at::kLong);
  at::Tensor t_M = at::tensor({0.5, 0.5}, at::kDouble);

  TokenCanvas given(bool picture) const {
    Document document;
    document.roles["word"] = {at::tensor({1}, at::kLong), true, {}};
    if (picture) document.roles["picture"] = {at::tensor({1}, at::kLong), true, {}};
    return build_canvas(schema, {document});
  }
  NoisyCanvas noisy() const { return {canvas, at::zeros({1, 4}), canvas.frozen_BL.logical_not()}; }
  at::Tensor guided(const SamplerOptions& options, double t = 0.5) const {
    return Guidance(schema, canvas, options, c10::DeviceType::CPU)
        .logits_MV(model, noisy(), rows_M, at::full({2}, t, at::kDouble));
  }
  // Log-probabilities of the first wanted position when the roles are seen or not.
  at::Tensor exact(bool word, bool picture) const {
    const Filling full = row_of(canvas.tokens_BL, 0);
    const Filling seen{word ? full[0] : kMaskId, picture ? full[1] : kMaskId, kMaskId, kMaskId};
    at::Tensor result_V = at::full({schema.vocabulary().size()}, 1.5f);
    for (const auto& [id, p] : denoiser->conditional(seen, 2)) result_V[id] = std::log(p) + 1.5;
    return result_V.slice(0, schema.vocabulary().range(2).begin, schema.vocabulary().range(2).end);
  }
  at::Tensor own(const at::Tensor& logits_MV) const {
    return logits_MV[0].slice(0, schema.vocabulary().range(2).begin, schema.vocabulary().range(2).end);
  }
};

SamplerOptions weights(double both_roles, double word = -1, double picture = -1) {
  SamplerOptions options;
  options.guidance = both_roles;
  options.roles["word"].guidance = word;
  options.roles["picture"].guidance = picture;
  return options;
}

TEST(Guidance, OneIsNoneZeroIsUnconditionalAndTwoExtrapolates) {
  const CanvasSchema schema = tabulated_schema();
  auto denoiser = std::make_shared<TabulatedDenoiser>(schema, RandomKey::root(8));
  const DiffusionModel model{denoiser, schema, {}};
  Document document;
  document.roles["word"] = {at::tensor({1, 2}, at::kLong), true, {}};
  const TokenCanvas canvas = build_canvas(schema, {document});
  const at::Tensor hide_BL = given_whole_BL(schema, canvas);
  EXPECT_TRUE(at::equal(hide_BL, canvas.frozen_BL));
  const NoisyCanvas noisy{canvas, at::zeros({1, 4}), canvas.frozen_BL.logical_not()};
  const at::Tensor rows_M = at::tensor({2, 3}, at::kLong);
  const auto guided = [&](double guidance) {
    SamplerOptions options;
    options.guidance = guidance;
    return Guidance(schema, canvas, options, c10::DeviceType::CPU)
        .logits_MV(model, noisy, rows_M, at::zeros({2}, at::kDouble));
  };
  const at::Tensor c = guided(1.0);
  EXPECT_EQ(denoiser->calls, 1);
  const at::Tensor u = guided(0.0), g = guided(2.0);
  EXPECT_TRUE(at::equal(c, logits_at(model, noisy, rows_M)));
  const Filling blank(4, kMaskId);
  for (const auto& [id, p] : denoiser->conditional(blank, 2)) {
    EXPECT_NEAR(u[0][id].item<float>(), std::log(p) + 1.5, 1e-5);
  }
  EXPECT_TRUE(at::allclose(g, u + 2 * (c - u), 1e-6, 1e-6));
  EXPECT_FALSE(at::allclose(c, u));
}

// Two rows whose given parts differ in length: the unconditional branch hides both whole, whatever their lengths.
TEST(Guidance, HidesGivenRolesOfAnyLengthButNotTheKnownPartOfAHole) {
  const CanvasSchema schema = tiny_schema();
  Document brief, full;
  brief.roles["caption"] = {at::tensor({1}, at::kLong), true, {}};
  full.roles["caption"] = {at::tensor({1, 2, 3, 4, 5}, at::kLong), true, {}};
  full.roles["picture"] = {at::zeros({16}, at::kLong), true, at::arange(16).lt(8)};
  const at::Tensor hide_BL = given_whole_BL(schema, build_canvas(schema, {brief, full}));
  EXPECT_TRUE(at::equal(hide_BL[0], hide_BL[1]));
  EXPECT_EQ(hide_BL.sum().item<std::int64_t>(), 10);
}

TEST(GuidanceLaw, EqualWeightsAreTheUsualGuidance) {
  const TwoConditions world;
  const at::Tensor u = world.exact(false, false), c = world.exact(true, true);
  for (const double w : {0.0, 1.0, 1.5, 4.0}) {
    EXPECT_TRUE(at::allclose(world.own(world.guided(weights(w))), u + w * (c - u), 1e-5, 1e-5)) << w;
    EXPECT_TRUE(at::allclose(world.own(world.guided(weights(1.0, w, w))), u + w * (c - u), 1e-5, 1e-5)) << w;
  }
  EXPECT_TRUE(at::equal(world.guided(weights(1.0)), logits_at(world.model, world.noisy(), world.rows_M)));
}

// InstructPix2Pix: u + w_1 (c_1 - u) + w_2 (c_12 - c_1), the roles in the canvas's order.
TEST(GuidanceLaw, TwoGivenRolesHaveTheirOwnWeights) {
  const TwoConditions world;
  const at::Tensor u = world.exact(false, false), one = world.exact(true, false), both = world.exact(true, true);
  for (const auto& [word, picture] : {std::pair{3.0, 1.5}, std::pair{0.0, 1.0}, std::pair{1.0, 0.0}, {2.0, 0.5}}) {
    const at::Tensor expected = u + word * (one - u) + picture * (both - one);
    EXPECT_TRUE(at::allclose(world.own(world.guided(weights(1.0, word, picture))), expected, 1e-5, 1e-5));
  }
}

// Growing weights leave only the id whose probability the condition raises most.
TEST(GuidanceLaw, TendsToTheArgmaxOfTheRatio) {
  const TwoConditions world;
  const at::Tensor ratio = world.exact(true, true) - world.exact(false, false);
  const at::Tensor p = world.own(world.guided(weights(1e4))).softmax(0);
  EXPECT_NEAR(p[ratio.argmax().item<std::int64_t>()].item<double>(), 1.0, 1e-6);
}

TEST(GuidanceLaw, SchedulesRunFromNoneToAllAndWindowsAreClosed) {
  GuidanceOptions options;
  EXPECT_EQ(guidance_at(options, 3, 0.2), 3);
  options.schedule = GuidanceSchedule::kLinear;
  EXPECT_EQ(guidance_at(options, 3, 1.0), 1);
  EXPECT_NEAR(guidance_at(options, 3, 0.25), 2.5, 1e-15);
  EXPECT_EQ(guidance_at(options, 3, 0.0), 3);
  options.schedule = GuidanceSchedule::kCosine;
  EXPECT_EQ(guidance_at(options, 3, 1.0), 1);
  EXPECT_NEAR(guidance_at(options, 3, 0.5), 2, 1e-15);
  EXPECT_NEAR(guidance_at(options, 3, 0.0), 3, 1e-15);
  options = {};
  options.from = 0.8;
  options.until = 0.3;
  for (const double t : {0.3, 0.5, 0.8}) EXPECT_EQ(guidance_at(options, 3, t), 3) << t;
  for (const double t : {0.0, 0.29, 0.81, 1.0}) EXPECT_EQ(guidance_at(options, 3, t), 1) << t;
}

TEST(GuidanceLaw, OutsideTheWindowTheNetworkIsCalledOnce) {
  const TwoConditions world;
  SamplerOptions options = weights(3.0);
  options.guiding.from = 0.4;
  const at::Tensor conditional_MV = logits_at(world.model, world.noisy(), world.rows_M);
  const std::int64_t before = world.denoiser->calls;
  EXPECT_TRUE(at::equal(world.guided(options, 0.5), conditional_MV));
  EXPECT_EQ(world.denoiser->calls, before + 1);
  const at::Tensor u = world.exact(false, false), c = world.exact(true, true);
  EXPECT_TRUE(at::allclose(world.own(world.guided(options, 0.3)), u + 3 * (c - u), 1e-5, 1e-5));
}

// Ho and Salimans' (1+w)c - wu is u + (1+w)(c - u).
TEST(GuidanceLaw, OtherConventionsAreConverted) {
  const TwoConditions world;
  SamplerOptions shifted = weights(0.7);
  shifted.guiding.convention = GuidanceConvention::kZeroIsNone;
  const at::Tensor u = world.exact(false, false), c = world.exact(true, true);
  EXPECT_TRUE(at::allclose(world.own(world.guided(shifted)), 1.7 * c - 0.7 * u, 1e-5, 1e-5));
  shifted.guidance = 0;
  EXPECT_TRUE(at::equal(world.guided(shifted), logits_at(world.model, world.noisy(), world.rows_M)));
  shifted.guidance = -1;
  EXPECT_NO_THROW(shifted.validate());
  EXPECT_TRUE(at::allclose(world.own(world.guided(shifted)), u, 1e-5, 1e-5));
  shifted.guidance = -1.5;
  EXPECT_THROW(shifted.validate(), InputError);
}

}  // namespace
}  // namespace palimpsest::test
