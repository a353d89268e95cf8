// The heads of one projection on their way into attention, and their gradients on the way back.
//
// Shapes: N = B L positions, H query heads, G key and value heads, E head width, P = (H + 2G) E.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/head_rotation.h"
#include "backbone/kernels/rotary_attention.h"

namespace palimpsest {

struct ProjectedHeads {
  at::Tensor projected_NP, query_norm_E, key_norm_E, cos, sin;  // norms undefined: none
  std::int64_t heads = 1, key_value_heads = 1;

  std::int64_t positions() const { return projected_NP.size(0); }
  std::int64_t width() const { return projected_NP.size(1) / (heads + 2 * key_value_heads); }

  at::Tensor query_NHE() const { return rotated_heads(queries()); }
  at::Tensor key_NGE() const { return rotated_heads(keys()); }
  at::Tensor value_NGE() const { return value_heads(projected_NP, key_value_heads, width()); }

  // Of the projection as [rows,L,P] and of both norms' weights.
  torch::autograd::variable_list backward(const at::Tensor& grad_query_NHE, const at::Tensor& grad_key_NGE,
                                          const at::Tensor& grad_value_NGE, std::int64_t rows) const {
    const at::Tensor grad_projected = at::empty_like(projected_NP);
    const at::Tensor query_weight = rotated_heads_backward(queries(), grad_query_NHE, grad_projected);
    const at::Tensor key_weight = rotated_heads_backward(keys(), grad_key_NGE, grad_projected);
    value_heads(grad_projected, key_value_heads, width()).copy_(grad_value_NGE);
    return {grad_projected.view({rows, positions() / rows, -1}), query_weight, key_weight};
  }

 private:
  HeadGroup queries() const { return {0, heads, width(), projected_NP, cos, sin, query_norm_E}; }
  HeadGroup keys() const { return {heads * width(), key_value_heads, width(), projected_NP, cos, sin, key_norm_E}; }
};

inline ProjectedHeads projected_heads(const at::Tensor& projected_BLP, const std::optional<at::Tensor>& query_norm,
                                      const std::optional<at::Tensor>& key_norm, const AttentionInputs& inputs) {
  return {projected_BLP.contiguous().flatten(0, 1),
          query_norm.value_or(at::Tensor()),
          key_norm.value_or(at::Tensor()),
          inputs.rotation.cos_BLR.contiguous(),
          inputs.rotation.sin_BLR.contiguous(),
          inputs.heads,
          inputs.key_value_heads};
}

}  // namespace palimpsest
