// Attention of documents that share a row beside the plain twin in float32, and both sets of loops in bfloat16.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/kernels/attention_loops.h"
#include "backbone/kernels/rotary_attention.h"
#include "tests/backbone/kernels/attention_case.h"

namespace palimpsest {
namespace {

using test::AttentionCase, test::expect_plain_twin, test::packed, test::some_hidden, test::unequal;

TEST(AttentionInBfloat16, IsItsPlainTwin) {
  for (const std::int64_t L : {1, 5, 64, 131}) expect_plain_twin({.L = L});
  for (const std::int64_t E : {4, 32, 64, 80}) expect_plain_twin({.L = 70, .H = 2, .G = 2, .E = E});
  expect_plain_twin({.normed = false});
}

TEST(AttentionInBfloat16, SharesKeyHeads) {
  expect_plain_twin({.H = 6, .G = 2});
  expect_plain_twin({.H = 4, .G = 1, .sight = some_hidden(2, 90)});
}

TEST(AttentionInBfloat16, SeesWhatItMay) {
  expect_plain_twin({.sight = some_hidden(2, 90)});
  expect_plain_twin({.sight = packed(2, 90)});
}

TEST(AttentionInFloat, SeesWhatItMay) {
  for (const Sight& sight : {Sight(), some_hidden(2, 90), packed(2, 90), unequal(2, 90)})
    expect_plain_twin({.sight = sight, .type = at::kFloat});
  expect_plain_twin({.H = 6, .G = 2, .sight = unequal(2, 90), .type = at::kFloat});
  expect_plain_twin({.L = 1, .sight = {at::zeros({2, 1}, at::kBool), {}}, .type = at::kFloat});
  expect_plain_twin({.normed = false, .sight = unequal(2, 90), .type = at::kFloat});
}

class AttentionOfDocuments : public testing::TestWithParam<c10::ScalarType> {};

// Alone, among others, and in two pieces with others between.
TEST_P(AttentionOfDocuments, HasTheBitsOfADocumentAlone) {
  AttentionCase together{.B = 1, .L = 96, .E = 32, .type = GetParam()};
  const at::NoGradGuard no_grad;
  AttentionInputs inputs = together.inputs();
  const at::Tensor projected = together.projected(), place = at::arange(96, at::kLong);
  for (const at::Tensor& mine : {place.ge(40), place.lt(10).logical_or(place.ge(50))}) {
    const at::Tensor document = mine.to(at::kLong).unsqueeze(0), positions = mine.nonzero().squeeze(1);
    inputs.sight = {document.ge(0), document};
    const at::Tensor among = rotary_attention(projected, inputs).index_select(1, positions);
    AttentionInputs alone = inputs;
    alone.sight = {};
    alone.rotation = {inputs.rotation.cos_BLR.index_select(1, positions),
                      inputs.rotation.sin_BLR.index_select(1, positions)};
    EXPECT_TRUE(rotary_attention(projected.index_select(1, positions), alone).equal(among));
  }
}

INSTANTIATE_TEST_SUITE_P(All, AttentionOfDocuments, testing::Values(at::kBFloat16, at::kFloat));

TEST(AttentionInBfloat16, HoldsForHugeScores) {
  AttentionCase where{.B = 1, .L = 8, .H = 1, .G = 1, .E = 8, .normed = false};
  const at::Tensor projected = (where.projected() * 300).requires_grad_(true);
  const at::Tensor mixed = rotary_attention(projected, where.inputs());
  mixed.sum().backward();
  EXPECT_TRUE(mixed.isfinite().all().item<bool>());
  EXPECT_TRUE(projected.grad().isfinite().all().item<bool>());
}

// One head of one group, forward and backward, by either set of loops.
struct LoopResult {
  at::Tensor mixed, grad_projected;
};
LoopResult by_loops(const loops::AttentionLoops& chosen, const AttentionCase& where) {
  const std::int64_t N = where.B * where.L, E = where.E;
  const at::Tensor projected = where.projected(), cos = where.inputs().rotation.cos_BLR.contiguous(),
                   sin = where.inputs().rotation.sin_BLR.contiguous(), positions = at::arange(N, at::kLong),
                   outer = where.drawn("outer", {N, E}).to(at::kBFloat16), log_sum = at::zeros({N}),
                   memory = at::empty({loops::attention_scratch_bytes(N, E)}, at::kByte);
  LoopResult result{at::zeros({N, E}, at::kBFloat16), at::zeros_like(projected)};
  const auto numbers = [](const at::Tensor& x) { return static_cast<loops::Bf16*>(x.data_ptr()); };
  const loops::AttentionArrays arrays{
      numbers(projected),    cos.data_ptr<float>(),    sin.data_ptr<float>(), nullptr, nullptr, 1, 1, E, 1e-6f,
      numbers(result.mixed), log_sum.data_ptr<float>()};
  const auto* list = positions.const_data_ptr<std::int64_t>();
  const loops::AttentionGroup group{list, N, list, N};
  auto* space = static_cast<std::byte*>(memory.data_ptr());
  chosen.forward(arrays, group, 0, space);
  chosen.backward(arrays, {numbers(outer), numbers(result.grad_projected), nullptr, nullptr}, group, 0, space);
  return result;
}

TEST(AttentionLoops, OfAvx512AreThePortableOnes) {
  const loops::AttentionLoops* fast = loops::avx512_attention_loops();
  if (!fast) GTEST_SKIP() << "this processor has no products of bfloat16";
  for (const std::int64_t L : {3, 70, 200}) {
    const AttentionCase where{.B = 1, .L = L, .H = 1, .G = 1, .E = 36, .normed = false};
    const LoopResult a = by_loops(*fast, where), b = by_loops(loops::portable_attention_loops(), where);
    EXPECT_TRUE(test::close(a.mixed, b.mixed, at::kBFloat16));
    EXPECT_TRUE(test::close(a.grad_projected, b.grad_projected, at::kBFloat16));
  }
}

TEST(Sight, EqualGroupsHaveTheKeysOfEveryQueryThatHasSome) {
  const Sight sight = unequal(3, 60);
  at::Tensor seen = at::zeros({180, 60}, at::kBool);
  const at::Tensor place = at::arange(180, at::kLong);
  for (const EqualGroups& groups : sight.equal_groups(3, 60)) {
    const at::Tensor queries = groups.queries.of(place).view({groups.count, -1}),
                     keys = groups.keys.of(place).view({groups.count, -1}).remainder(60);
    for (std::int64_t i = 0; i < groups.count; ++i) seen.index_put_({queries[i].unsqueeze(1), keys[i]}, true);
  }
  EXPECT_TRUE(seen.equal(sight.mask().eq(0).view({180, 60})));
}

TEST(Positions, PutRowsWhereTheyTookThem) {
  const at::Tensor x = normal(RandomKey::root(3), {7, 2});
  for (const Positions& positions : {Positions::run(0, 7), Positions({2, 3, 4}), Positions({5, 0, 6}), Positions({})}) {
    at::Tensor back;
    positions.put(positions.of(x), back, 7);
    EXPECT_TRUE(positions.of(back).equal(positions.of(x)));
    EXPECT_EQ(back.count_nonzero().item<std::int64_t>(), positions.of(x).numel());
  }
}

TEST(Sight, GroupsHoldEveryPositionOnceAndKeysThatAreVisible) {
  const Sight sight = packed(2, 40);
  const AttentionGroups groups = sight.groups(2, 40);
  EXPECT_EQ(groups.size(), 2 * 4);  // padding is a group of its own, without keys
  EXPECT_TRUE(std::get<0>(groups.queries.sort()).equal(at::arange(80, at::kLong)));
  EXPECT_EQ(groups.keys.numel(), 2 * (40 - 9));
  const at::Tensor mask = sight.mask();
  for (std::int64_t i = 0; i < groups.size(); ++i) {
    const auto cut = [&](const at::Tensor& list, const at::Tensor& begin) {
      return list.slice(0, begin[i].item<std::int64_t>(), begin[i + 1].item<std::int64_t>());
    };
    const at::Tensor queries = cut(groups.queries, groups.query_begin), keys = cut(groups.keys, groups.key_begin);
    const std::int64_t row = queries[0].item<std::int64_t>() / 40;
    const at::Tensor seen = mask[row][0].index_select(0, queries.remainder(40)).eq(0);
    EXPECT_EQ(seen.sum().item<std::int64_t>(), queries.numel() * keys.numel());
    EXPECT_TRUE(seen.index_select(1, keys.remainder(40)).all().item<bool>());
  }
}

}  // namespace
}  // namespace palimpsest
