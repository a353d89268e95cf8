// Shapes: B rows, L positions, N = B L, T packed queries, S packed keys, H query heads, G key and value heads, E head
// width, P = (H + 2G) E.
#include "backbone/kernels/packed_attention.h"

#include <ATen/Context.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/kept_sight.h"
#include "backbone/kernels/operations.h"
#include "backbone/kernels/projected_heads.h"

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
    const ProjectedHeads projection = projected_heads(projected_BLP, query_norm, key_norm, inputs);
    const std::int64_t B = projected_BLP.size(0), L = projected_BLP.size(1), N = B * L, H = projection.heads,
                       E = projection.width();
    const PackedGroups groups = inputs.sight.packed_groups(B, L, projected_BLP.device());
    const at::Tensor query_THE = groups.queries.of(projection.query_NHE()),
                     key_SGE = groups.keys.of(projection.key_NGE());
    at::Tensor mixed_NHE, mixed_THE, log_sum_exp, seed, offset;
    if (groups.most_keys > 0) {
      std::tie(mixed_THE, log_sum_exp, seed, offset, std::ignore) = at::_flash_attention_forward(
          query_THE, key_SGE, groups.keys.of(projection.value_NGE()), groups.query_begin, groups.key_begin,
          groups.most_queries, groups.most_keys, /*dropout_p=*/0.0, /*is_causal=*/false, /*return_debug_mask=*/false);
      groups.queries.put(mixed_THE, mixed_NHE, N);
    } else {
      mixed_NHE = at::zeros({N, H, E}, projected_BLP.options());
    }
    context->save_for_backward({projection.projected_NP, projection.query_norm_E, projection.key_norm_E, projection.cos,
                                projection.sin, query_THE, key_SGE, mixed_THE, log_sum_exp, seed, offset});
    context->saved_data["sight"] = kept_value(inputs.sight);
    context->saved_data["rows"] = B;
    return mixed_NHE.view({B, L, H * E});
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &query_THE = saved[5], &key_SGE = saved[6];
    const std::int64_t H = query_THE.size(1), G = key_SGE.size(1), E = query_THE.size(2),
                       B = context->saved_data["rows"].toInt();
    const ProjectedHeads projection{saved[0], saved[1], saved[2], saved[3], saved[4], H, G};
    const std::int64_t N = projection.positions();
    const PackedGroups groups = kept_sight(context->saved_data["sight"]).packed_groups(B, N / B, saved[0].device());
    at::Tensor grad_query_NHE, grad_key_NGE, grad_value_NGE;
    if (groups.most_keys > 0) {
      const auto [grad_query, grad_key, grad_value] = in_a_fixed_order([&] {
        return at::_flash_attention_backward(
            groups.queries.of(grads[0].reshape({N, H, E})), query_THE, key_SGE, groups.keys.of(projection.value_NGE()),
            saved[7], saved[8], groups.query_begin, groups.key_begin, groups.most_queries, groups.most_keys,
            /*dropout_p=*/0.0, /*is_causal=*/false, saved[9], saved[10]);
      });
      groups.queries.put(grad_query, grad_query_NHE, N);
      groups.keys.put(grad_key, grad_key_NGE, N);
      groups.keys.put(grad_value, grad_value_NGE, N);
    } else {
      grad_query_NHE = at::zeros({N, H, E}, saved[0].options());
      grad_key_NGE = grad_value_NGE = at::zeros({N, G, E}, saved[0].options());
    }
    variable_list found = projection.backward(grad_query_NHE, grad_key_NGE, grad_value_NGE, B);
    found.emplace_back();  // of the inputs
    return found;
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
