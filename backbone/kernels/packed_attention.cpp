// Shapes: B rows, L positions, N = B L, T packed queries, S packed keys, H query heads, G key and value heads, E head
// width, P = (H + 2G) E.
#include "backbone/kernels/packed_attention.h"

#include <ATen/Context.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/head_rotation.h"
#include "backbone/kernels/kept_sight.h"
#include "backbone/kernels/operations.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// ATen's way back through flash attention adds up in an order of chance unless told not to, by this alone; new memory
// need not be filled.
class InAFixedOrder {
 public:
  InAFixedOrder()
      : before_(at::globalContext().deterministicAlgorithms()),
        warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
        fill_(at::globalContext().deterministicFillUninitializedMemory()) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }
  ~InAFixedOrder() {
    at::globalContext().setDeterministicAlgorithms(before_, warn_only_);
    at::globalContext().setDeterministicFillUninitializedMemory(fill_);
  }
  InAFixedOrder(const InAFixedOrder&) = delete;
  InAFixedOrder& operator=(const InAFixedOrder&) = delete;

 private:
  bool before_, warn_only_, fill_;
};

template <class Function>
auto in_a_fixed_order(const Function& act) {
  const InAFixedOrder fixed;
  return act();
}

struct PackedAttentionFunction : torch::autograd::Function<PackedAttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& projected_BLP,
                            const std::optional<at::Tensor>& query_norm, const std::optional<at::Tensor>& key_norm,
                            const AttentionInputs& inputs) {
    RECORD_FUNCTION("palimpsest::packed_attention", {});
    const at::Tensor query_norm_E = query_norm.value_or(at::Tensor()), key_norm_E = key_norm.value_or(at::Tensor());
    const at::Tensor projected = projected_BLP.contiguous().flatten(0, 1);
    const at::Tensor cos = inputs.rotation.cos_BLR.contiguous(), sin = inputs.rotation.sin_BLR.contiguous();
    const std::int64_t B = projected_BLP.size(0), L = projected_BLP.size(1), N = B * L, H = inputs.heads,
                       G = inputs.key_value_heads, E = projected.size(1) / (H + 2 * G);
    const PackedGroups groups = inputs.sight.packed_groups(B, L, projected.device());
    const at::Tensor query_THE = groups.queries.of(rotated_heads({0, H, E, projected, cos, sin, query_norm_E})),
                     key_SGE = groups.keys.of(rotated_heads({H * E, G, E, projected, cos, sin, key_norm_E}));
    at::Tensor mixed_NHE, mixed_THE, log_sum_exp, seed, offset;
    if (groups.most_keys > 0) {
      std::tie(mixed_THE, log_sum_exp, seed, offset, std::ignore) = at::_flash_attention_forward(
          query_THE, key_SGE, groups.keys.of(value_heads(projected, G, E)), groups.query_begin, groups.key_begin,
          groups.most_queries, groups.most_keys, /*dropout_p=*/0.0, /*is_causal=*/false, /*return_debug_mask=*/false);
      groups.queries.put(mixed_THE, mixed_NHE, N);
    } else {
      mixed_NHE = at::zeros({N, H, E}, projected.options());
    }
    context->save_for_backward(
        {projected, query_norm_E, key_norm_E, cos, sin, query_THE, key_SGE, mixed_THE, log_sum_exp, seed, offset});
    context->saved_data["sight"] = kept_value(inputs.sight);
    context->saved_data["rows"] = B;
    return mixed_NHE.view({B, L, H * E});
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &projected = saved[0], &cos = saved[3], &sin = saved[4], &query_THE = saved[5],
                     &key_SGE = saved[6];
    const std::int64_t N = projected.size(0), H = query_THE.size(1), G = key_SGE.size(1), E = query_THE.size(2),
                       B = context->saved_data["rows"].toInt();
    const PackedGroups groups = kept_sight(context->saved_data["sight"]).packed_groups(B, N / B, projected.device());
    at::Tensor grad_query_NHE, grad_key_NGE, grad_value_NGE;
    if (groups.most_keys > 0) {
      const auto [grad_query, grad_key, grad_value] = in_a_fixed_order([&] {
        return at::_flash_attention_backward(
            groups.queries.of(grads[0].reshape({N, H, E})), query_THE, key_SGE,
            groups.keys.of(value_heads(projected, G, E)), saved[7], saved[8], groups.query_begin, groups.key_begin,
            groups.most_queries, groups.most_keys, /*dropout_p=*/0.0, /*is_causal=*/false, saved[9], saved[10]);
      });
      groups.queries.put(grad_query, grad_query_NHE, N);
      groups.keys.put(grad_key, grad_key_NGE, N);
      groups.keys.put(grad_value, grad_value_NGE, N);
    } else {
      grad_query_NHE = at::zeros({N, H, E}, projected.options());
      grad_key_NGE = grad_value_NGE = at::zeros({N, G, E}, projected.options());
    }
    const at::Tensor grad_projected = at::empty_like(projected);
    const at::Tensor query_weight =
        rotated_heads_backward({0, H, E, projected, cos, sin, saved[1]}, grad_query_NHE, grad_projected);
    const at::Tensor key_weight =
        rotated_heads_backward({H * E, G, E, projected, cos, sin, saved[2]}, grad_key_NGE, grad_projected);
    value_heads(grad_projected, G, E).copy_(grad_value_NGE);
    return {grad_projected.view({B, N / B, -1}), query_weight, key_weight, at::Tensor()};
  }
};

}  // namespace

bool packed_attention_takes(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  constexpr std::int64_t kMultiple = 8, kWidest = 256;  // of ATen's kernels
  const std::int64_t width = projected_BLP.size(-1) / (inputs.heads + 2 * inputs.key_value_heads);
  return projected_BLP.is_cuda() && projected_BLP.scalar_type() == at::kBFloat16 && width % kMultiple == 0 &&
         width <= kWidest;
}

at::Tensor packed_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  return PackedAttentionFunction::apply(projected_BLP, if_defined(inputs.query_norm_E), if_defined(inputs.key_norm_E),
                                        inputs);
}

}  // namespace palimpsest
