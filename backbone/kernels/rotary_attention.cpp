#include "backbone/kernels/rotary_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/chunks.h"
#include "backbone/kernels/rms_norm.h"

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

// One head group (queries, or keys) on its way through the loops.
struct HeadGroup {
  std::int64_t first, heads, width;  // first: element of a projected row where the group begins
  const at::Tensor& projected;
  const at::Tensor &cos, &sin, &weight;  // weight undefined: no norm

  std::int64_t rows() const { return projected.size(0) * projected.size(1); }

  // float32, whatever the type of the projection.
  at::Tensor rotated_BLHE() const {
    const at::Tensor out = at::empty({projected.size(0), projected.size(1), heads, width}, cos.options());
    with_number(projected.scalar_type(), [&]<class N>(N) {
      const loops::RotateForward<N> arrays{numbers<N>(projected) + first,
                                           numbers<float>(cos),
                                           numbers<float>(sin),
                                           numbers<float>(weight),
                                           mutable_numbers<float>(out),
                                           projected.size(-1),
                                           heads,
                                           width,
                                           static_cast<float>(kNormEpsilon)};
      for_each_chunk(rows(), [&](std::int64_t, loops::Rows range) { loops::rotate_forward(arrays, range); });
    });
    return out;
  }

  // Writes the group's part of grad_projected; returns the gradient of the norm's weight (undefined without one).
  at::Tensor backward(const at::Tensor& grad_BHLE, const at::Tensor& grad_projected) const {
    const at::Tensor grad_BLHE = grad_BHLE.transpose(1, 2).contiguous();
    const at::Tensor grad_weights =
        weight.defined() ? at::zeros({num_chunks(rows()), width}, cos.options()) : at::Tensor();
    with_number(projected.scalar_type(), [&]<class N>(N) {
      const loops::RotateBackward<N> arrays{numbers<N>(projected) + first,
                                            numbers<float>(cos),
                                            numbers<float>(sin),
                                            numbers<float>(weight),
                                            numbers<float>(grad_BLHE),
                                            mutable_numbers<N>(grad_projected) + first,
                                            mutable_numbers<float>(grad_weights),
                                            projected.size(-1),
                                            heads,
                                            width,
                                            static_cast<float>(kNormEpsilon)};
      for_each_chunk(rows(), [&](std::int64_t chunk, loops::Rows range) {
        loops::RotateBackward<N> mine = arrays;
        if (mine.grad_weight_E) mine.grad_weight_E += chunk * width;
        loops::rotate_backward(mine, range);
      });
    });
    return grad_weights.defined() ? grad_weights.sum(0) : at::Tensor();
  }
};

at::Tensor values_of(const at::Tensor& projected_BLP, std::int64_t heads, std::int64_t width) {
  return projected_BLP.unflatten(-1, {3, heads, width}).select(2, 2).to(at::kFloat);
}

std::optional<at::Tensor> if_defined(const at::Tensor& x) {
  return x.defined() ? std::optional<at::Tensor>(x) : std::nullopt;
}

// Between the loops stands ATen's blocked attention for the CPU, in float32: in bfloat16 it sets up a library call for
// every block of every head, which costs more than the products. It wants as many key heads as query heads.
struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& projected_BLP,
                            const std::optional<at::Tensor>& query_norm, const std::optional<at::Tensor>& key_norm,
                            const AttentionInputs& inputs) {
    const at::Tensor query_norm_E = query_norm.value_or(at::Tensor()), key_norm_E = key_norm.value_or(at::Tensor());
    const at::Tensor projected = projected_BLP.contiguous();
    const at::Tensor cos = inputs.rotation.cos_BLR.contiguous(), sin = inputs.rotation.sin_BLR.contiguous();
    const std::int64_t H = inputs.heads, E = projected.size(-1) / (3 * H);
    const at::Tensor query_BHLE = HeadGroup{0, H, E, projected, cos, sin, query_norm_E}.rotated_BLHE().transpose(1, 2);
    const at::Tensor key_BHLE = HeadGroup{H * E, H, E, projected, cos, sin, key_norm_E}.rotated_BLHE().transpose(1, 2);
    const at::Tensor value_BHLE = values_of(projected, H, E).transpose(1, 2);
    const auto [mixed_BHLE, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
        query_BHLE, key_BHLE, value_BHLE, 0.0, false, if_defined(inputs.mask));
    context->save_for_backward(
        {projected, query_norm_E, key_norm_E, cos, sin, inputs.mask, query_BHLE, key_BHLE, mixed_BHLE, log_sum_exp});
    return mixed_BHLE.transpose(1, 2).flatten(2).to(projected.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &projected = saved[0], &cos = saved[3], &sin = saved[4], &query_BHLE = saved[6];
    const std::int64_t H = query_BHLE.size(1), E = query_BHLE.size(3);
    const at::Tensor value_BHLE = values_of(projected, H, E).transpose(1, 2);
    const at::Tensor grad_BHLE = grads[0].to(at::kFloat).unflatten(-1, {H, E}).transpose(1, 2);
    const auto [grad_query, grad_key, grad_value] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        grad_BHLE, query_BHLE, saved[7], value_BHLE, saved[8], saved[9], 0.0, false, if_defined(saved[5]));
    const at::Tensor grad_projected = at::empty_like(projected);
    const at::Tensor query_weight =
        HeadGroup{0, H, E, projected, cos, sin, saved[1]}.backward(grad_query, grad_projected);
    const at::Tensor key_weight =
        HeadGroup{H * E, H, E, projected, cos, sin, saved[2]}.backward(grad_key, grad_projected);
    grad_projected.unflatten(-1, {3, H, E}).select(2, 2).copy_(grad_value.transpose(1, 2));
    return {grad_projected, query_weight, key_weight, at::Tensor()};
  }
};

}  // namespace

at::Tensor plain_rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  const std::int64_t H = inputs.heads, G = inputs.key_value_heads;
  const at::Tensor heads_BLHE = projected_BLP.unflatten(-1, {H + 2 * G, -1});
  const at::Tensor query = plain_normed_and_rotated(heads_BLHE.slice(2, 0, H), inputs.query_norm_E, inputs.rotation);
  const at::Tensor key = plain_normed_and_rotated(heads_BLHE.slice(2, H, H + G), inputs.key_norm_E, inputs.rotation);
  const at::Tensor value = heads_BLHE.slice(2, H + G);
  const at::Tensor mask = inputs.mask.defined() ? inputs.mask.to(query.scalar_type()) : inputs.mask;
  const at::Tensor mixed_BHLE = at::scaled_dot_product_attention(
      query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), if_defined(mask), /*dropout_p=*/0.0,
      /*is_causal=*/false, /*scale=*/std::nullopt, /*enable_gqa=*/H != G);
  return mixed_BHLE.transpose(1, 2).flatten(2);
}

at::Tensor rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs) {
  const std::int64_t width = projected_BLP.size(-1) / (inputs.heads + 2 * inputs.key_value_heads);
  if (!loops_take(projected_BLP) || inputs.heads != inputs.key_value_heads || width > loops::kWidestHead)
    return plain_rotary_attention(projected_BLP, inputs);
  return AttentionFunction::apply(projected_BLP, if_defined(inputs.query_norm_E), if_defined(inputs.key_norm_E),
                                  inputs);
}

}  // namespace palimpsest
