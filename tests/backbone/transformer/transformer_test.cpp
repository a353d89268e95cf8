#include "backbone/transformer/transformer.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/diffusion.h"
#include "tests/backbone/fixtures.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

TransformerOptions small_options() {
  TransformerOptions options;
  options.width = 32;
  options.layers = 2;
  options.heads = 4;
  options.key_value_heads = 2;
  options.hidden = 48;
  return options;
}

struct Setting {
  explicit Setting(TransformerOptions options = small_options(), std::int64_t documents = 4)
      : clean(build_canvas(schema, test::random_documents(schema, documents, 21))),
        noisy(corrupt(clean, schema, {}, RandomKey::root(22), test::indices(0, documents), documents)),
        net(options, schema, RandomKey::root(23)) {
    // Larger weights than at the start of training, so that every path matters.
    const at::NoGradGuard no_grad;
    for (const auto& [name, parameter] : net.parameters().items()) {
      if (parameter.dim() == 2) parameter.mul_(6.0);
    }
  }
  at::Tensor logits(const NoisyCanvas& canvas) {
    const at::NoGradGuard no_grad;
    return net.logits_BLV(canvas);
  }
  CanvasSchema schema = test::small_schema();
  TokenCanvas clean;
  NoisyCanvas noisy;
  Transformer net;
};

TEST(Transformer, NamesItsParametersAsTheFieldDoes) {
  TransformerOptions options = small_options();
  options.tied = false;
  Setting setting(options);
  std::vector<std::string> names;
  for (const auto& [name, parameter] : setting.net.parameters().items()) names.push_back(name);
  for (const char* name :
       {"embed.weight", "blocks.0.norm1.weight", "blocks.0.attention.qkv.weight", "blocks.1.attention.q_norm.weight",
        "blocks.1.mlp.gate_up.weight", "blocks.1.mlp.down.weight", "norm.weight", "head.weight"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(Transformer, LogitsAtChosenRowsAreThoseOfAllRows) {
  Setting setting;
  const at::Tensor all = setting.logits(setting.noisy).flatten(0, 1);
  const at::Tensor rows = at::tensor({5, 0, 40}, at::kLong);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(test::close(setting.net.logits_MV(setting.noisy, rows), all.index_select(0, rows), at::kFloat));
  const std::vector<IdRange> ranges{{2, 3}, {20, 30}};
  const at::Tensor some = setting.net.logits_MR(setting.net.features_MD(setting.noisy, rows), ranges);
  EXPECT_TRUE(test::close(some, select_ranges(all.index_select(0, rows), ranges, 1), at::kFloat));
}

TEST(Transformer, RecomputedLayersGiveTheSameBits) {
  std::vector<std::vector<at::Tensor>> found;
  for (const std::int64_t layers : {0, 1, 2}) {
    TransformerOptions options = small_options();
    options.checkpoint_layers = layers;
    Setting setting(options);
    setting.net.set_compute_type(at::kBFloat16);
    const at::Tensor rows = at::tensor({5, 0, 40}, at::kLong), logits = setting.net.logits_MV(setting.noisy, rows);
    logits.to(at::kFloat).square().sum().backward();
    found.push_back({logits.detach()});
    for (const auto& [name, parameter] : setting.net.parameters().items()) found.back().push_back(parameter.grad());
  }
  for (std::size_t i = 0; i < found[0].size(); ++i) {
    EXPECT_TRUE(found[1][i].equal(found[0][i])) << i;
    EXPECT_TRUE(found[2][i].equal(found[0][i])) << i;
  }
}

NoisyCanvas permuted(const NoisyCanvas& noisy, const at::Tensor& order) {
  NoisyCanvas result = noisy;
  for (at::Tensor* x :
       {&result.canvas.tokens_BL, &result.canvas.frozen_BL, &result.canvas.visible_BL, &result.canvas.document_BL,
        &result.canvas.role_BL, &result.canvas.modality_BL, &result.canvas.legal_class_BL,
        &result.canvas.coordinates_BLA, &result.t_BL, &result.masked_BL}) {
    *x = x->index_select(1, order);
  }
  return result;
}

TEST(Transformer, ShufflingPositionsWithTheirCoordinatesChangesNothing) {
  Setting setting;
  const std::int64_t length = setting.clean.length();
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < length; ++i) {
    places.push_back(static_cast<std::int64_t>(
        permuted_index(RandomKey::root(1), static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(length))));
  }
  const at::Tensor order = at::tensor(places, at::kLong);
  EXPECT_TRUE(test::close(setting.logits(permuted(setting.noisy, order)),
                          setting.logits(setting.noisy).index_select(1, order), at::kFloat));
}

TEST(Transformer, CoordinatesRolesAndDepthMatter) {
  Setting setting;
  const at::Tensor before = setting.logits(setting.noisy);
  NoisyCanvas moved = setting.noisy;
  moved.canvas.coordinates_BLA = moved.canvas.coordinates_BLA.clone();
  moved.canvas.coordinates_BLA.select(2, 1).slice(1, 0, 2).copy_(
      setting.noisy.canvas.coordinates_BLA.select(2, 1).slice(1, 0, 2).flip(1));
  EXPECT_FALSE(test::close(setting.logits(moved), before, at::kFloat));
  NoisyCanvas other_role = setting.noisy;
  other_role.canvas.role_BL = (setting.noisy.canvas.role_BL + 1) % 3;
  EXPECT_FALSE(test::close(setting.logits(other_role), before, at::kFloat));
}

TEST(Transformer, NobodyLooksAtTheInvisible) {
  Setting setting;
  const at::Tensor hidden_BL = setting.noisy.canvas.visible_BL.logical_not();
  ASSERT_TRUE(hidden_BL.any().item<bool>());
  NoisyCanvas other = setting.noisy;
  other.canvas.tokens_BL = at::where(hidden_BL, at::full_like(other.canvas.tokens_BL, 17), other.canvas.tokens_BL);
  const at::Tensor visible = hidden_BL.logical_not();
  EXPECT_TRUE(setting.logits(other).index({visible}).equal(setting.logits(setting.noisy).index({visible})));
}

TEST(Transformer, PackedDocumentsDoNotSeeEachOther) {
  Setting setting;
  const std::vector<Document> documents = test::random_documents(setting.schema, 5, 31);
  const TokenCanvas packed = pack_canvas(setting.schema, documents, 3 * setting.schema.length());
  ASSERT_LT(packed.rows(), 5);
  const at::Tensor together = setting.logits({packed, at::zeros_like(packed.tokens_BL, at::kFloat), packed.frozen_BL});
  std::size_t next = 0;
  for (const Document& document : documents) {
    const TokenCanvas alone = pack_canvas(setting.schema, {document}, setting.schema.length());
    const at::Tensor apart = setting.logits({alone, at::zeros_like(alone.tokens_BL, at::kFloat), alone.frozen_BL});
    for (const Span& span : alone.spans) {
      const Span& place = packed.spans[next++];
      EXPECT_TRUE(test::close(together[place.row].slice(0, place.begin, place.begin + place.length),
                              apart[0].slice(0, span.begin, span.begin + span.length), at::kFloat));
    }
  }
}

class TransformerVariants : public testing::TestWithParam<std::tuple<bool, bool, bool>> {};

// The loss's slope along a random direction of each parameter, by central differences.
TEST_P(TransformerVariants, GradientIsTheSlope) {
  TransformerOptions options = small_options();
  std::tie(options.qk_norm, options.tied, options.time_conditioning) = GetParam();
  Setting setting(options, 6);
  const auto loss = [&] { return diffusion_loss(setting.net, setting.clean, setting.noisy, setting.schema, {}).loss; };
  loss().backward();
  const at::NoGradGuard no_grad;
  for (const auto& [name, parameter] : setting.net.parameters().items()) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    const at::Tensor noise = normal(RandomKey::root(41).fold(name), parameter.sizes());
    const at::Tensor direction =
        (noise + parameter.grad() / (parameter.grad().norm() + 1e-12) * noise.norm()) / noise.norm();
    const double step = 2e-3;
    parameter.add_(direction, step);
    const double above = loss().item<double>();
    parameter.sub_(direction, 2 * step);
    const double below = loss().item<double>();
    parameter.add_(direction, step);
    const double slope = (parameter.grad() * direction).sum().item<double>();
    EXPECT_NEAR((above - below) / (2 * step), slope, 0.02 * std::abs(slope) + 0.01) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TransformerVariants,
                         testing::Values(std::tuple{true, true, false}, std::tuple{false, false, true}));

TEST(Transformer, Bf16StaysNearFp32) {
  Setting setting;
  const at::Tensor exact = setting.logits(setting.noisy);
  setting.net.set_compute_type(at::kBFloat16);
  const at::Tensor rounded = setting.logits(setting.noisy);
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  const double scale = exact.std().item<double>();
  EXPECT_LT((rounded - exact).abs().mean().item<double>() / scale, test::tolerance_of(at::kBFloat16).relative);
  const DiffusionLoss loss = diffusion_loss(setting.net, setting.clean, setting.noisy, setting.schema, {});
  loss.loss.backward();
  for (const auto& [name, parameter] : setting.net.parameters().items()) {
    EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat) << name;
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>()) << name;
  }
}

TEST(Transformer, TimeMattersOnlyWhenConditioned) {
  for (const bool conditioned : {false, true}) {
    TransformerOptions options = small_options();
    options.time_conditioning = conditioned;
    Setting setting(options);
    NoisyCanvas later = setting.noisy;
    later.t_BL = at::ones_like(later.t_BL);
    EXPECT_EQ(setting.logits(later).equal(setting.logits(setting.noisy)), !conditioned);
  }
}

TEST(Transformer, CountsItsFlops) {
  Setting setting;
  const double matrices = 2.0 * (64 * 32 + 32 * 32 + 96 * 32 + 32 * 48);
  const double head = static_cast<double>(setting.schema.vocabulary().size() * 32);
  EXPECT_DOUBLE_EQ(setting.net.forward_flops_per_token(21, 0.5), 2 * (matrices + 0.5 * head) + 4.0 * 21 * 32 * 2);
}

TEST(TransformerOptions, NameTheKeyAndTheRule) {
  TransformerOptions options;
  options.heads = 5;
  try {
    options.validate();
    ADD_FAILURE() << "nothing thrown";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "heads: must divide the width of 192");
  }
}

}  // namespace
}  // namespace palimpsest
