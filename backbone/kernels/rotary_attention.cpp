#include "backbone/kernels/rotary_attention.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/attention_loops.h"
#include "backbone/kernels/chunks.h"
#include "backbone/kernels/kept_sight.h"
#include "backbone/kernels/operations.h"
#include "backbone/kernels/packed_attention.h"
#include "backbone/kernels/projected_heads.h"
#include "backbone/kernels/rms_norm.h"
#include "base/parallel.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor plain_normed_and_rotated(const at::Tensor& x_BLHE, const at::Tensor& norm_E, const Rotation& rotation) {
  at::Tensor x = x_BLHE.scalar_type() == at::kDouble ? x_BLHE : x_BLHE.to(at::kFloat);
  if (norm_E.defined()) x = plain_rms_norm(x, norm_E);
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  const at::Tensor cos = rotation.cos_BLR.unsqueeze(2), sin = rotation.sin_BLR.unsqueeze(2);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[0] * sin + halves[1] * cos}, -1).to(x_BLHE.scalar_type());
}

// ---- float32: our loops around ATen's blocked attention for the CPU, a call for the groups of each size
// ----

// [N,H,E] or [N,H], at positions of equal groups: [groups,H,L,E] or [groups,H,L].
at::Tensor by_group(const at::Tensor& x_N, const Positions& positions, const EqualGroups& groups) {
  return positions.of(x_N).unflatten(0, {groups.count, -1}).transpose(1, 2);
}
// Of keys or values: each head as often as query heads share it, which ATen's attention for the CPU wants.
at::Tensor shared_by_group(const at::Tensor& x_NGE, const EqualGroups& groups, std::int64_t share) {
  const at::Tensor x = by_group(x_NGE, groups.keys, groups);
  return share == 1 ? x : x.repeat_interleave(share, 1);
}
at::Tensor sum_of_shares(const at::Tensor& x, std::int64_t share) {
  return share == 1 ? x : x.unflatten(1, {-1, share}).sum(2);
}
// And back into x_N.
void from_groups(const at::Tensor& x, const Positions& positions, at::Tensor& x_N, std::int64_t N) {
  positions.put(x.transpose(1, 2).flatten(0, 1), x_N, N);
}

struct BlockedAttentionFunction : torch::autograd::Function<BlockedAttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& projected_BLP,
                            const std::optional<at::Tensor>& query_norm, const std::optional<at::Tensor>& key_norm,
                            const AttentionInputs& inputs) {
    RECORD_FUNCTION("palimpsest::blocked_attention", {});
    const ProjectedHeads projection = projected_heads(projected_BLP, query_norm, key_norm, inputs);
    const std::int64_t B = projected_BLP.size(0), L = projected_BLP.size(1), N = B * L, H = projection.heads,
                       share = H / projection.key_value_heads;
    const at::Tensor query = projection.query_NHE(), key = projection.key_NGE(), value = projection.value_NGE();
    at::Tensor mixed_NHE, log_sum_exp_NH;
    for (const EqualGroups& groups : inputs.sight.equal_groups(B, L)) {
      const auto [mixed, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
          by_group(query, groups.queries, groups), shared_by_group(key, groups, share),
          shared_by_group(value, groups, share), /*dropout_p=*/0.0, /*is_causal=*/false);
      from_groups(mixed, groups.queries, mixed_NHE, N);
      from_groups(log_sum_exp, groups.queries, log_sum_exp_NH, N);
    }
    if (!mixed_NHE.defined()) mixed_NHE = at::zeros_like(query);
    context->save_for_backward({projection.projected_NP, projection.query_norm_E, projection.key_norm_E, projection.cos,
                                projection.sin, query, key, mixed_NHE, log_sum_exp_NH});
    context->saved_data["sight"] = kept_value(inputs.sight);
    context->saved_data["rows"] = B;
    return mixed_NHE.view({B, L, H * projection.width()});
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &query = saved[5], &key = saved[6];
    const std::int64_t N = query.size(0), share = query.size(1) / key.size(1), B = context->saved_data["rows"].toInt();
    const ProjectedHeads projection{saved[0], saved[1], saved[2], saved[3], saved[4], query.size(1), key.size(1)};
    const at::Tensor value = projection.value_NGE(), grad_NHE = grads[0].reshape(query.sizes());
    const Sight sight = kept_sight(context->saved_data["sight"]);
    at::Tensor grad_query_NHE, grad_key_NGE, grad_value_NGE;
    for (const EqualGroups& groups : sight.equal_groups(B, N / B)) {
      const auto of_queries = [&](const at::Tensor& x_N) { return by_group(x_N, groups.queries, groups); };
      const auto of_keys = [&](const at::Tensor& x_N) { return shared_by_group(x_N, groups, share); };
      const auto [grad_query, grad_key, grad_value] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          of_queries(grad_NHE), of_queries(query), of_keys(key), of_keys(value), of_queries(saved[7]),
          of_queries(saved[8]), /*dropout_p=*/0.0, /*is_causal=*/false);
      from_groups(grad_query, groups.queries, grad_query_NHE, N);
      from_groups(sum_of_shares(grad_key, share), groups.keys, grad_key_NGE, N);
      from_groups(sum_of_shares(grad_value, share), groups.keys, grad_value_NGE, N);
    }
    if (!grad_query_NHE.defined()) {
      grad_query_NHE = at::zeros_like(query);
      grad_key_NGE = grad_value_NGE = at::zeros_like(key);
    }
    variable_list found = projection.backward(grad_query_NHE, grad_key_NGE, grad_value_NGE, B);
    found.emplace_back();  // of the inputs
    return found;
  }
};

// ---- bfloat16: our own loops, a group of positions and a head of keys at a time
// --------------------------------------

// The arrays of a call, and how it is cut into tasks.
struct GroupedAttention {
  at::Tensor projected_BLP, query_norm_E, key_norm_E, cos, sin, mixed, log_sum_exp;
  AttentionGroups groups;
  std::int64_t heads = 1, key_value_heads = 1;

  std::int64_t width() const { return projected_BLP.size(-1) / (heads + 2 * key_value_heads); }
  std::int64_t tasks() const { return groups.size() * key_value_heads; }

  loops::AttentionArrays arrays() const {
    return {numbers<loops::Bf16>(projected_BLP),
            numbers<float>(cos),
            numbers<float>(sin),
            numbers<float>(query_norm_E),
            numbers<float>(key_norm_E),
            heads,
            key_value_heads,
            width(),
            static_cast<float>(kNormEpsilon),
            mutable_numbers<loops::Bf16>(mixed),
            mutable_numbers<float>(log_sum_exp)};
  }

  // Calls act(task, group, key head, working memory).
  template <class Function>
  void for_each_task(const Function& act) const {
    const auto *queries = groups.queries.const_data_ptr<std::int64_t>(),
               *query_begin = groups.query_begin.const_data_ptr<std::int64_t>(),
               *keys = groups.keys.const_data_ptr<std::int64_t>(),
               *key_begin = groups.key_begin.const_data_ptr<std::int64_t>();
    std::int64_t most_keys = 0;
    for (std::int64_t i = 0; i < groups.size(); ++i) most_keys = std::max(most_keys, key_begin[i + 1] - key_begin[i]);
    const std::int64_t bytes = loops::attention_scratch_bytes(most_keys, width());
    parallel_for(0, tasks(), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::Tensor memory = at::empty({bytes}, at::kByte);  // ATen's memory begins at multiples of 64
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t i = task / key_value_heads;
        const loops::AttentionGroup group{queries + query_begin[i], query_begin[i + 1] - query_begin[i],
                                          keys + key_begin[i], key_begin[i + 1] - key_begin[i]};
        act(task, group, task % key_value_heads, static_cast<std::byte*>(memory.mutable_data_ptr()));
      }
    });
  }

  void forward() const {
    const loops::AttentionArrays all = arrays();
    for_each_task([&](std::int64_t, const loops::AttentionGroup& group, std::int64_t head, std::byte* memory) {
      loops::attention_loops().forward(all, group, head, memory);
    });
  }

  // Of the projection and of both norms' weights.
  variable_list backward(const at::Tensor& grad_mixed) const {
    const bool all_written = groups.keys.numel() == groups.queries.numel();
    const at::Tensor grad_projected = all_written ? at::empty_like(projected_BLP) : at::zeros_like(projected_BLP);
    const auto shares = [this](const at::Tensor& norm) {  // by task, so that sums do not depend on threads
      return norm.defined() ? at::zeros({tasks(), width()}, norm.options().requires_grad(false)) : at::Tensor();
    };
    const at::Tensor query_shares = shares(query_norm_E), key_shares = shares(key_norm_E);
    const loops::AttentionArrays all = arrays();
    for_each_task([&](std::int64_t task, const loops::AttentionGroup& group, std::int64_t head, std::byte* memory) {
      loops::AttentionGradients gradients{numbers<loops::Bf16>(grad_mixed),
                                          mutable_numbers<loops::Bf16>(grad_projected),
                                          mutable_numbers<float>(query_shares), mutable_numbers<float>(key_shares)};
      if (gradients.grad_query_norm_E) gradients.grad_query_norm_E += task * width();
      if (gradients.grad_key_norm_E) gradients.grad_key_norm_E += task * width();
      loops::attention_loops().backward(all, gradients, group, head, memory);
    });
    const auto sum = [](const at::Tensor& parts) { return parts.defined() ? parts.sum(0) : at::Tensor(); };
    return {grad_projected, sum(query_shares), sum(key_shares)};
  }
};

struct GroupedAttentionFunction : torch::autograd::Function<GroupedAttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& projected_BLP,
                            const std::optional<at::Tensor>& query_norm, const std::optional<at::Tensor>& key_norm,
                            const AttentionInputs& inputs) {
    RECORD_FUNCTION("palimpsest::grouped_attention", {});
    const std::int64_t B = projected_BLP.size(0), L = projected_BLP.size(1), H = inputs.heads;
    GroupedAttention call;
    call.projected_BLP = projected_BLP.contiguous();
    call.query_norm_E = query_norm.value_or(at::Tensor());
    call.key_norm_E = key_norm.value_or(at::Tensor());
    call.cos = inputs.rotation.cos_BLR.contiguous();
    call.sin = inputs.rotation.sin_BLR.contiguous();
    call.groups = inputs.sight.groups(B, L);
    call.heads = H;
    call.key_value_heads = inputs.key_value_heads;
    call.mixed = at::empty({B, L, H * call.width()}, projected_BLP.options());
    call.log_sum_exp = at::empty({B, L, H}, call.cos.options());
    call.forward();
    context->save_for_backward({call.projected_BLP, call.query_norm_E, call.key_norm_E, call.cos, call.sin, call.mixed,
                                call.log_sum_exp, call.groups.queries, call.groups.query_begin, call.groups.keys,
                                call.groups.key_begin});
    context->saved_data["key_value_heads"] = inputs.key_value_heads;
    return call.mixed;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const GroupedAttention call{saved[0],          saved[1],
                                saved[2],          saved[3],
                                saved[4],          saved[5],
                                saved[6],          {saved[7], saved[8], saved[9], saved[10]},
                                saved[6].size(-1), context->saved_data["key_value_heads"].toInt()};
    variable_list found = call.backward(grads[0].contiguous());
    found.emplace_back();
    return found;
  }
};

}  // namespace

at::Tensor plain_rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  const std::int64_t H = inputs.heads, G = inputs.key_value_heads;
  const at::Tensor heads_BLHE = projected_BLP.unflatten(-1, {H + 2 * G, -1});
  const at::Tensor query = plain_normed_and_rotated(heads_BLHE.slice(2, 0, H), inputs.query_norm_E, inputs.rotation);
  const at::Tensor key = plain_normed_and_rotated(heads_BLHE.slice(2, H, H + G), inputs.key_norm_E, inputs.rotation);
  const at::Tensor value = heads_BLHE.slice(2, H + G);
  at::Tensor mask = inputs.sight.mask();
  if (mask.defined()) mask = mask.to(query.scalar_type());
  const at::Tensor mixed_BHLE = at::scaled_dot_product_attention(
      query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), if_defined(mask), /*dropout_p=*/0.0,
      /*is_causal=*/false, /*scale=*/std::nullopt, /*enable_gqa=*/H != G);
  return mixed_BHLE.transpose(1, 2).flatten(2);
}

at::Tensor rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  const std::int64_t width = projected_BLP.size(-1) / (inputs.heads + 2 * inputs.key_value_heads);
  const std::optional<at::Tensor> query_norm = if_defined(inputs.query_norm_E),
                                  key_norm = if_defined(inputs.key_norm_E);
  if (packed_attention_takes(projected_BLP, inputs)) return packed_attention(projected_BLP, inputs);
  if (!loops_take(projected_BLP) || width > loops::kWidestHead) return plain_rotary_attention(projected_BLP, inputs);
  if (projected_BLP.scalar_type() == at::kBFloat16)
    return GroupedAttentionFunction::apply(projected_BLP, query_norm, key_norm, inputs);
  return BlockedAttentionFunction::apply(projected_BLP, query_norm, key_norm, inputs);
}

}  // namespace palimpsest
