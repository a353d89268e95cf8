// Each fused kernel against its plain twin: values and gradients, over odd sizes and several threads' worth of rows.
#include <gtest/gtest.h>

#include "backbone/kernels/cross_entropy.h"
#include "backbone/kernels/rms_norm.h"
#include "backbone/kernels/rotary_attention.h"
#include "backbone/kernels/swiglu.h"
#include "base/random.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

at::Tensor leaf(const char* name, at::IntArrayRef sizes) {
  return normal(RandomKey::root(7).fold(name), sizes).requires_grad_(true);
}

using Function = std::function<std::vector<at::Tensor>()>;

// Runs both over the same leaves with the same random gradient of the outputs and compares everything, to what `type`
// allows.
void expect_same(const std::vector<at::Tensor>& leaves, const Function& fused, const Function& plain,
                 c10::ScalarType type = at::kFloat) {
  std::vector<std::vector<at::Tensor>> outputs, gradients;
  for (const Function& function : {fused, plain}) {
    for (const at::Tensor& x : leaves) x.mutable_grad() = at::Tensor();
    outputs.push_back(function());
    at::Tensor total = at::zeros({});
    for (std::size_t i = 0; i < outputs.back().size(); ++i) {
      total = total + (outputs.back()[i] * normal(RandomKey::root(8).fold(i), outputs.back()[i].sizes())).sum();
    }
    total.backward();
    gradients.emplace_back();
    for (const at::Tensor& x : leaves) gradients.back().push_back(x.grad().clone());
  }
  for (std::size_t i = 0; i < outputs[0].size(); ++i)
    EXPECT_TRUE(test::close(outputs[0][i], outputs[1][i], type)) << "output " << i;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const double size = gradients[1][i].abs().max().item<double>() + 1e-6;
    EXPECT_TRUE(test::close(gradients[0][i] / size, gradients[1][i] / size, type)) << "gradient " << i;
  }
}

TEST(RmsNorm, IsItsPlainTwin) {
  for (const std::int64_t rows : {1, 600}) {
    const at::Tensor x = leaf("x", {rows, 37}), weight = leaf("weight", {37});
    expect_same(
        {x, weight}, [&] { return std::vector{rms_norm(x, weight)}; },
        [&] { return std::vector{plain_rms_norm(x, weight)}; });
  }
}

TEST(AddRmsNorm, IsItsPlainTwin) {
  const at::Tensor x = leaf("x", {3, 100, 48}), delta = leaf("delta", {3, 100, 48}), weight = leaf("weight", {48});
  const auto fused = [&] {
    const SumAndNorm both = add_rms_norm(x, delta, weight);
    return std::vector{both.sum_ND, both.normed_ND};
  };
  expect_same({x, delta, weight}, fused, [&] { return std::vector{x + delta, plain_rms_norm(x + delta, weight)}; });
  const auto only_sum = [&] { return std::vector{add_rms_norm(x, delta, weight).sum_ND}; };
  expect_same({x, delta}, only_sum, [&] { return std::vector{x + delta}; });
}

TEST(Swiglu, IsItsPlainTwin) {
  const at::Tensor x = leaf("x", {300, 2 * 53});
  expect_same(
      {x}, [&] { return std::vector{swiglu(x)}; }, [&] { return std::vector{plain_swiglu(x)}; });
}

TEST(Swiglu, HoldsAtTheEnds) {
  const at::Tensor gate = at::tensor({-1000.0f, -100.0f, -88.0f, 0.0f, 88.0f, 1000.0f});
  const at::Tensor x = at::cat({gate, at::ones({6})}).unsqueeze(0);
  EXPECT_TRUE(test::close(swiglu(x), plain_swiglu(x), at::kFloat));
}

class RotaryAttention : public testing::TestWithParam<std::tuple<bool, bool, std::int64_t>> {};

TEST_P(RotaryAttention, IsItsPlainTwin) {
  const auto [normed, masked, key_value_heads] = GetParam();
  const std::int64_t B = 3, L = 90, H = 4, E = 20;
  const at::Tensor projected = leaf("projected", {B, L, (H + 2 * key_value_heads) * E});
  const at::Tensor angle = normal(RandomKey::root(9), {B, L, E / 2});
  AttentionInputs inputs{H, key_value_heads, {}, {}, {angle.cos(), angle.sin()}, {}};
  std::vector<at::Tensor> leaves{projected};
  if (normed) leaves.insert(leaves.end(), {inputs.query_norm_E = leaf("q", {E}), inputs.key_norm_E = leaf("k", {E})});
  if (masked) {
    const at::Tensor visible = at::ones({B, L}, at::kBool);
    visible.slice(1, 50, 60).fill_(false);
    inputs.sight = {visible, {}};
  }
  expect_same(
      leaves, [&] { return std::vector{rotary_attention(projected, inputs)}; },
      [&] { return std::vector{plain_rotary_attention(projected, inputs)}; });
}

INSTANTIATE_TEST_SUITE_P(All, RotaryAttention,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(std::int64_t{4}, std::int64_t{2})));

TEST(RotaryAttention, AQueryThatMayLookAtNothingGetsZeros) {
  const at::Tensor projected = leaf("projected", {1, 8, 3 * 8}), angle = at::zeros({1, 8, 4});
  const Sight nothing(at::zeros({1, 8}, at::kBool), {});
  const at::Tensor mixed = rotary_attention(projected, {1, 1, {}, {}, {angle.cos(), angle.sin()}, nothing});
  EXPECT_EQ(mixed.abs().sum().item<double>(), 0.0);
  mixed.sum().backward();
  EXPECT_TRUE(projected.grad().isfinite().all().item<bool>());
}

TEST(CrossEntropy, IsItsPlainTwin) {
  const at::Tensor logits = leaf("logits", {520, 61});
  const at::Tensor targets = at::arange(520, at::kLong).remainder(61);
  expect_same(
      {logits}, [&] { return std::vector{cross_entropy(logits * 5, targets)}; },
      [&] { return std::vector{plain_cross_entropy(logits * 5, targets)}; });
}

TEST(LinearCrossEntropy, IsItsPlainTwin) {
  const at::Tensor features = leaf("features", {70, 24}), head = leaf("head", {61, 24});
  const at::Tensor targets = at::arange(70, at::kLong).remainder(61), none = at::empty({0}, at::kLong);
  expect_same(
      {features, head}, [&] { return std::vector{linear_cross_entropy(features, head, targets)}; },
      [&] { return std::vector{plain_linear_cross_entropy(features, head, targets)}; });
  expect_same(
      {features, head}, [&] { return std::vector{linear_cross_entropy(features.slice(0, 0, 0), head, none)}; },
      [&] { return std::vector{plain_linear_cross_entropy(features.slice(0, 0, 0), head, none)}; });
}

TEST(LinearCrossEntropy, InPiecesIsItsPlainTwin) {
  const std::int64_t M = kRowsOfLogits + 7;  // the last piece is shorter
  const at::Tensor features = leaf("features", {M, 24}), head = leaf("head", {61, 24});
  const at::Tensor targets = at::arange(M, at::kLong) * 97 % 61;
  const auto whole = [&] { return std::vector{plain_linear_cross_entropy(features, head, targets)}; };
  expect_same(
      {features, head}, [&] { return std::vector{linear_cross_entropy(features, head, targets, 0)}; }, whole);
}

TEST(CrossEntropy, HoldsForHugeLogits) {
  const at::Tensor logits = at::tensor({-1e4f, 1e4f, 9.99e3f}).unsqueeze(0);
  EXPECT_NEAR(cross_entropy(logits, at::zeros({1}, at::kLong)).item<float>(), 2e4f, 1e-2f);
}

TEST(PickRows, IsIndexing) {
  const at::Tensor x = leaf("x", {10, 4}), rows = at::tensor({7, 0, 3}, at::kLong), none = at::empty({0}, at::kLong);
  expect_same(
      {x}, [&] { return std::vector{pick_rows(x, rows)}; }, [&] { return std::vector{x.index_select(0, rows)}; });
  expect_same(
      {x}, [&] { return std::vector{pick_rows(x, none)}; }, [&] { return std::vector{x.index_select(0, none)}; });
}

at::Tensor bf16_leaf(const char* name, at::IntArrayRef sizes) {
  return normal(RandomKey::root(7).fold(name), sizes).to(at::kBFloat16).requires_grad_(true);
}

// The plain twins compute in float32 from the same bfloat16 numbers.
TEST(KernelsInBfloat16, AreTheirPlainTwins) {
  const at::Tensor gate_up = bf16_leaf("gate_up", {300, 2 * 53});
  expect_same(
      {gate_up}, [&] { return std::vector{swiglu(gate_up)}; },
      [&] { return std::vector{plain_swiglu(gate_up.to(at::kFloat))}; }, at::kBFloat16);
  const at::Tensor x = leaf("x", {300, 48}), delta = bf16_leaf("delta", {300, 48}), weight = leaf("weight", {48});
  const auto fused = [&] {
    const SumAndNorm both = add_rms_norm(x, delta, weight, at::kBFloat16);
    EXPECT_EQ(both.normed_ND.scalar_type(), at::kBFloat16);
    return std::vector{both.sum_ND, both.normed_ND};
  };
  expect_same(
      {x, delta, weight}, fused,
      [&] {
        return std::vector{x + delta, plain_rms_norm(x + delta, weight)};
      },
      at::kBFloat16);
  expect_same(
      {x, weight}, [&] { return std::vector{rms_norm(x, weight, at::kBFloat16)}; },
      [&] { return std::vector{plain_rms_norm(x, weight)}; }, at::kBFloat16);
  const at::Tensor logits = bf16_leaf("logits", {520, 61}), targets = at::arange(520, at::kLong).remainder(61);
  expect_same(
      {logits}, [&] { return std::vector{cross_entropy(logits, targets)}; },
      [&] { return std::vector{plain_cross_entropy(logits, targets)}; }, at::kBFloat16);
}

TEST(KernelsInBfloat16, RotaryAttentionIsItsPlainTwinInFloat) {
  const std::int64_t B = 3, L = 90, H = 4, E = 20;
  const at::Tensor projected = bf16_leaf("projected", {B, L, 3 * H * E}),
                   angle = normal(RandomKey::root(9), {B, L, E / 2});
  const AttentionInputs inputs{H, H, leaf("q", {E}), leaf("k", {E}), {angle.cos(), angle.sin()}, {}};
  expect_same(
      {projected, inputs.query_norm_E, inputs.key_norm_E},
      [&] { return std::vector{rotary_attention(projected, inputs)}; },
      [&] { return std::vector{plain_rotary_attention(projected.to(at::kFloat), inputs)}; }, at::kBFloat16);
  EXPECT_EQ(rotary_attention(projected, inputs).scalar_type(), at::kBFloat16);
}

TEST(Kernels, TakeOtherTypesByTheirPlainTwins) {
  const at::Tensor x = normal(RandomKey::root(1), {5, 16}).to(at::kDouble), weight = at::ones({16}, at::kDouble);
  EXPECT_EQ(swiglu(x).scalar_type(), at::kDouble);
  EXPECT_TRUE(test::close(rms_norm(x, weight), plain_rms_norm(x, weight), at::kDouble));
}

}  // namespace
}  // namespace palimpsest
