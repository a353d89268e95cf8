#include "backbone/kernels/rms_norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/chunks.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Gradient of the norm plus that of the sum: one pass over the rows.
variable_list norm_gradients(const variable_list& saved, const at::Tensor& grad_normed, const at::Tensor& grad_sum) {
  const at::Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
  const std::int64_t width = x.size(-1), rows = x.numel() / width;
  const at::Tensor grad_in = grad_normed.contiguous();
  const at::Tensor grad_through = grad_sum.defined() ? grad_sum.contiguous() : at::Tensor();
  const at::Tensor grad_x = at::empty_like(x);
  const at::Tensor grad_weights = at::zeros({num_chunks(rows), width}, x.options());
  for_each_chunk(rows, [&](std::int64_t chunk, loops::Rows range) {
    loops::norm_backward(
        {x.const_data_ptr<float>(), weight.const_data_ptr<float>(), scale.const_data_ptr<float>(),
         grad_in.const_data_ptr<float>(), grad_through.defined() ? grad_through.const_data_ptr<float>() : nullptr,
         grad_x.data_ptr<float>(), grad_weights.data_ptr<float>() + chunk * width, width},
        range);
  });
  return {grad_x, grad_weights.sum(0)};
}

struct NormFunction : torch::autograd::Function<NormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight) {
    const at::Tensor rows_x = x.contiguous(), normed = at::empty_like(rows_x);
    const std::int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor scale = at::empty({rows}, x.options());
    for_each_chunk(rows, [&](std::int64_t, loops::Rows range) {
      loops::norm_forward({rows_x.const_data_ptr<float>(), nullptr, weight.const_data_ptr<float>(), nullptr,
                           normed.data_ptr<float>(), scale.data_ptr<float>(), width, static_cast<float>(kNormEpsilon)},
                          range);
    });
    context->save_for_backward({rows_x, weight, scale});
    return normed;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    return norm_gradients(context->get_saved_variables(), grads[0], {});
  }
};

struct AddNormFunction : torch::autograd::Function<AddNormFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& delta,
                               const at::Tensor& weight) {
    const at::Tensor rows_x = x.contiguous(), rows_delta = delta.contiguous();
    const at::Tensor sum = at::empty_like(rows_x), normed = at::empty_like(rows_x);
    const std::int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor scale = at::empty({rows}, x.options());
    for_each_chunk(rows, [&](std::int64_t, loops::Rows range) {
      loops::norm_forward({rows_x.const_data_ptr<float>(), rows_delta.const_data_ptr<float>(),
                           weight.const_data_ptr<float>(), sum.data_ptr<float>(), normed.data_ptr<float>(),
                           scale.data_ptr<float>(), width, static_cast<float>(kNormEpsilon)},
                          range);
    });
    context->save_for_backward({sum, weight, scale});
    return {sum, normed};
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    if (!grads[1].defined()) return {grads[0], grads[0], at::zeros_like(saved[1])};
    const variable_list found = norm_gradients(saved, grads[1], grads[0]);
    return {found[0], found[0], found[1]};
  }
};

}  // namespace

at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D) {
  const at::Tensor x = x_ND.scalar_type() == at::kDouble ? x_ND : x_ND.to(at::kFloat);
  const at::Tensor scale_N1 = x.square().mean(-1, /*keepdim=*/true).add(kNormEpsilon).rsqrt();
  return x * scale_N1 * weight_D;
}

at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D) {
  return loops_take(x_ND) ? NormFunction::apply(x_ND, weight_D) : plain_rms_norm(x_ND, weight_D);
}

SumAndNorm add_rms_norm(const at::Tensor& x_ND, const at::Tensor& delta_ND, const at::Tensor& weight_D) {
  if (loops_take(x_ND) && loops_take(delta_ND)) {
    const variable_list both = AddNormFunction::apply(x_ND, delta_ND, weight_D);
    return {both[0], both[1]};
  }
  const at::Tensor sum_ND = x_ND + delta_ND;
  return {sum_ND, rms_norm(sum_ND, weight_D)};
}

}  // namespace palimpsest
