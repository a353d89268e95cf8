// Packed attention beside the plain twin. Where there is no GPU, ATen's two operations are stood in for on the CPU: a
// range at a time, in float32, by the contract of the real ones.
//
// Shapes: T packed queries, S packed keys, H query heads, G key and value heads, E head width.
#include "backbone/kernels/packed_attention.h"

#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include "backbone/kernels/operations.h"
#include "tests/backbone/kernels/attention_case.h"

namespace palimpsest {
namespace {

using test::AttentionCase, test::expect_plain_twin;

// One group of the packed arrays, heads first: [H,L,E], keys and values once for each query head.
struct PackedRange {
  std::int64_t query_begin, queries, key_begin, keys;

  at::Tensor of_queries(const at::Tensor& x_THE) const { return cut(x_THE, query_begin, queries); }
  at::Tensor of_keys(const at::Tensor& x_SGE, std::int64_t heads) const {
    return cut(x_SGE, key_begin, keys).repeat_interleave(heads / x_SGE.size(1), 0);
  }
  void put_queries(const at::Tensor& x_HLE, const at::Tensor& into_THE) const {
    into_THE.narrow(0, query_begin, queries).copy_(x_HLE.transpose(0, 1));
  }
  // The sum over the query heads that share a key head.
  void put_keys(const at::Tensor& x_HLE, const at::Tensor& into_SGE) const {
    const at::Tensor shared = x_HLE.unflatten(0, {into_SGE.size(1), -1}).sum(1);
    into_SGE.narrow(0, key_begin, keys).copy_(shared.transpose(0, 1));
  }

 private:
  static at::Tensor cut(const at::Tensor& x, std::int64_t begin, std::int64_t count) {
    return x.narrow(0, begin, count).to(at::kFloat).transpose(0, 1);
  }
};

// The ranges, once everything is as the real operations want it.
std::vector<PackedRange> ranges_of(const std::vector<at::Tensor>& three_dimensional, const at::Tensor& query_begin,
                                   const at::Tensor& key_begin, std::int64_t most_queries, std::int64_t most_keys) {
  for (const at::Tensor& x : three_dimensional)
    TORCH_CHECK(x.dim() == 3 && x.stride(2) == 1, "ranges: heads lie apart");
  for (const at::Tensor& begin : {query_begin, key_begin})
    TORCH_CHECK(begin.scalar_type() == at::kInt && begin.is_contiguous() && begin.numel() == query_begin.numel());
  std::vector<PackedRange> ranges;
  const auto *q = query_begin.const_data_ptr<std::int32_t>(), *k = key_begin.const_data_ptr<std::int32_t>();
  std::int64_t longest_query = 0, longest_key = 0;
  for (std::int64_t i = 0; i + 1 < query_begin.numel(); ++i) {
    ranges.push_back({q[i], q[i + 1] - q[i], k[i], k[i + 1] - k[i]});
    TORCH_CHECK(ranges.back().queries > 0 && ranges.back().keys > 0, "ranges: an empty one");
    longest_query = std::max(longest_query, ranges.back().queries);
    longest_key = std::max(longest_key, ranges.back().keys);
  }
  TORCH_CHECK(q[ranges.size()] == three_dimensional[0].size(0) && k[ranges.size()] == three_dimensional[1].size(0));
  TORCH_CHECK(longest_query == most_queries && longest_key == most_keys, "ranges: another longest");
  return ranges;
}

// Output [T,H,E] and log-sum-exp [H,T] in float32; the numbers of the dropout are of no use here.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> flash_forward(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const MaybeTensor& query_begin,
    const MaybeTensor& key_begin, std::int64_t most_queries, std::int64_t most_keys, double dropout, bool causal,
    bool debug_mask, std::optional<double> given_scale, std::optional<std::int64_t>, std::optional<std::int64_t>,
    const MaybeTensor&, const MaybeTensor&) {
  TORCH_CHECK(dropout == 0 && !causal && !debug_mask && !given_scale && query.size(1) % key.size(1) == 0);
  const at::Tensor out = at::full_like(query, NAN),
                   log_sum_exp = at::full({query.size(1), query.size(0)}, NAN, query.options().dtype(at::kFloat));
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(2)));
  for (const PackedRange& range :
       ranges_of({query, key, value}, query_begin.value(), key_begin.value(), most_queries, most_keys)) {
    const at::Tensor scores = range.of_queries(query).matmul(range.of_keys(key, query.size(1)).transpose(1, 2)) * scale;
    range.put_queries(scores.softmax(-1).matmul(range.of_keys(value, query.size(1))), out);
    log_sum_exp.narrow(1, range.query_begin, range.queries).copy_(scores.logsumexp(-1));
  }
  return {out, log_sum_exp, at::zeros({2}, at::kLong), at::zeros({}, at::kLong), at::empty({0}, query.options())};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_backward(
    const at::Tensor& grad_out, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const at::Tensor& out, const at::Tensor& log_sum_exp, const at::Tensor& query_begin, const at::Tensor& key_begin,
    std::int64_t most_queries, std::int64_t most_keys, double dropout, bool causal, const at::Tensor& seed,
    const at::Tensor& offset, std::optional<double> given_scale, std::optional<std::int64_t>,
    std::optional<std::int64_t>) {
  TORCH_CHECK(dropout == 0 && !causal && !given_scale && seed.defined() && offset.defined());
  TORCH_CHECK(at::globalContext().deterministicAlgorithms() && grad_out.sizes() == query.sizes());
  const at::Tensor grad_query = at::full_like(query, NAN), grad_key = at::full_like(key, NAN),
                   grad_value = at::full_like(value, NAN);
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(2)));
  const std::int64_t H = query.size(1);
  for (const PackedRange& range : ranges_of({query, key, value}, query_begin, key_begin, most_queries, most_keys)) {
    const at::Tensor q = range.of_queries(query), k = range.of_keys(key, H), v = range.of_keys(value, H),
                     grad = range.of_queries(grad_out),
                     log_sum = log_sum_exp.narrow(1, range.query_begin, range.queries).unsqueeze(-1);
    const at::Tensor share = (q.matmul(k.transpose(1, 2)) * scale - log_sum).exp();
    const at::Tensor through = grad.matmul(v.transpose(1, 2)) - (grad * range.of_queries(out)).sum(-1, true);
    const at::Tensor grad_scores = share * through * scale;
    range.put_queries(grad_scores.matmul(k), grad_query);
    range.put_keys(grad_scores.transpose(1, 2).matmul(q), grad_key);
    range.put_keys(share.transpose(1, 2).matmul(grad), grad_value);
  }
  return {grad_query, grad_key, grad_value};
}

TORCH_LIBRARY_IMPL(aten, CPU, library) {
  library.impl("_flash_attention_forward", &flash_forward);
  library.impl("_flash_attention_backward", &flash_backward);
}

TEST(PackedAttention, IsItsPlainTwin) {
  const auto nobody = Sight(at::zeros({2, 90}, at::kBool), {});
  for (const Sight& sight : {Sight(), test::some_hidden(2, 90), test::packed(2, 90), test::unequal(2, 90), nobody}) {
    expect_plain_twin({.sight = sight, .type = at::kFloat}, packed_attention);
    expect_plain_twin({.H = 6, .G = 2, .sight = sight, .type = at::kFloat}, packed_attention);
  }
  expect_plain_twin({.L = 1, .normed = false, .type = at::kFloat}, packed_attention);
  expect_plain_twin({.normed = false, .sight = test::unequal(2, 90), .type = at::kFloat}, packed_attention);
}

TEST(PackedAttention, IsItsPlainTwinInBfloat16) {
  for (const Sight& sight : {Sight(), test::packed(2, 90), test::unequal(2, 90)})
    expect_plain_twin({.H = 6, .G = 2, .E = 32, .sight = sight}, packed_attention);
}

TEST(PackedAttention, LeavesTheOrderOfOthersAsItWas) {
  expect_plain_twin({.type = at::kFloat}, packed_attention);
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
}

TEST(PackedAttention, TakesOnlyWhatAGpuDoes) {
  const AttentionCase where{.E = 32};
  EXPECT_FALSE(packed_attention_takes(where.projected(), where.inputs()));
}

// The real operations: rotary_attention chooses them there.
TEST(PackedAttention, OnAGpuIsItsPlainTwin_CUDA) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA library or no GPU";
  const auto on_gpu = [](const at::Tensor& projected, const AttentionInputs& inputs) {
    AttentionInputs there = inputs;
    there.query_norm_E = inputs.query_norm_E.to(at::kCUDA);
    there.key_norm_E = inputs.key_norm_E.to(at::kCUDA);
    there.rotation = {inputs.rotation.cos_BLR.to(at::kCUDA), inputs.rotation.sin_BLR.to(at::kCUDA)};
    const at::Tensor moved = projected.to(at::kCUDA);
    EXPECT_TRUE(packed_attention_takes(moved, there));
    return rotary_attention(moved, there).cpu();
  };
  for (const Sight& sight : {Sight(), test::some_hidden(2, 90), test::packed(2, 90), test::unequal(2, 90)})
    expect_plain_twin({.H = 6, .G = 2, .E = 64, .sight = sight}, on_gpu);
}

}  // namespace
}  // namespace palimpsest
