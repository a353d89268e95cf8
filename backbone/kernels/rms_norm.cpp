#include "backbone/kernels/rms_norm.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "backbone/kernels/row_arrays.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void norm_forward_on_cpu(const at::Tensor& x, const MaybeTensor& delta, const at::Tensor& weight,
                         const MaybeTensor& sum, const at::Tensor& normed, const at::Tensor& scale) {
  const NormForwardTensors tensors{x, delta, weight, sum, normed, scale};
  with_number(normed.scalar_type(), [&]<class N>(N) {
    const loops::NormForward<N> arrays = tensors.arrays<N>();
    for_each_chunk(rows_of(x), [&](std::int64_t, loops::Rows range) { loops::norm_forward(arrays, range); });
  });
}

void norm_backward_on_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                          const at::Tensor& grad_normed, const MaybeTensor& grad_sum, const at::Tensor& grad_x,
                          const MaybeTensor& grad_delta, const at::Tensor& grad_weights) {
  const NormBackwardTensors tensors{x, weight, scale, grad_normed, grad_sum, grad_x, grad_delta, grad_weights};
  with_number(grad_normed.scalar_type(), [&]<class N>(N) {
    const loops::NormBackward<N> arrays = tensors.arrays<N>();
    for_each_chunk(rows_of(x), [&](std::int64_t chunk, loops::Rows range) {
      loops::NormBackward<N> mine = arrays;
      mine.grad_weight_D += chunk * mine.width;
      loops::norm_backward(mine, range);
    });
  });
}

TORCH_LIBRARY_FRAGMENT(palimpsest, library) {
  library.def(
      "norm_forward(Tensor x, Tensor? delta, Tensor weight, Tensor(a!)? sum, Tensor(b!) normed, Tensor(c!) scale) -> "
      "()");
  library.def(
      "norm_backward(Tensor x, Tensor weight, Tensor scale, Tensor grad_normed, Tensor? grad_sum, Tensor(a!) grad_x, "
      "Tensor(b!)? grad_delta, Tensor(c!) grad_weights) -> ()");
  library.impl("norm_forward", c10::DispatchKey::CPU, &norm_forward_on_cpu);
  library.impl("norm_backward", c10::DispatchKey::CPU, &norm_backward_on_cpu);
}

// The rows' norms in `type`, of x, or of x + delta when there is a delta, whose sum is then given too.
struct Normed {
  at::Tensor sum_ND, normed_ND, scale_N;
};
Normed norm_rows(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, c10::ScalarType type) {
  const Normed result{delta.defined() ? at::empty_like(x) : at::Tensor(), at::empty(x.sizes(), x.options().dtype(type)),
                      at::empty({rows_of(x)}, x.options())};
  call_operation<decltype(norm_forward_on_cpu)>("palimpsest::norm_forward", x, if_defined(delta), weight,
                                                if_defined(result.sum_ND), result.normed_ND, result.scale_N);
  return result;
}

// Gradient of the norm plus that of the sum, one pass over the rows: of x, of the weight, and of delta when there was
// one.
variable_list norm_gradients(const variable_list& saved, const at::Tensor& grad_normed, const at::Tensor& grad_sum,
                             bool with_delta) {
  const at::Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
  const at::Tensor grad_in = grad_normed.contiguous();
  const at::Tensor grad_through = grad_sum.defined() ? grad_sum.contiguous() : at::Tensor();
  const at::Tensor grad_x = at::empty_like(x), grad_delta = with_delta ? at::empty_like(grad_in) : at::Tensor();
  const at::Tensor shares = shares_of(x, rows_of(x), x.size(-1));
  call_operation<decltype(norm_backward_on_cpu)>("palimpsest::norm_backward", x, weight, scale, grad_in,
                                                 if_defined(grad_through), grad_x, if_defined(grad_delta), shares);
  return {grad_x, shares.sum(0), grad_delta};
}

// On a GPU a row's sums of columns must fit a block.
bool norm_takes(const at::Tensor& x_ND, c10::ScalarType type) {
  constexpr std::int64_t kWidest = device::kMemory - device::kThreads;
  return operations_take(x_ND) && x_ND.scalar_type() == at::kFloat && loops_take(type) &&
         (x_ND.is_cpu() || x_ND.size(-1) <= kWidest);
}

struct NormFunction : torch::autograd::Function<NormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            c10::ScalarType type) {
    RECORD_FUNCTION("palimpsest::rms_norm", {});
    const at::Tensor rows_x = x.contiguous();
    const Normed result = norm_rows(rows_x, {}, weight, type);
    context->save_for_backward({rows_x, weight, result.scale_N});
    return result.normed_ND;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list found = norm_gradients(context->get_saved_variables(), grads[0], {}, false);
    return {found[0], found[1], at::Tensor()};
  }
};

// delta and the norm are of one type.
struct AddNormFunction : torch::autograd::Function<AddNormFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& delta,
                               const at::Tensor& weight) {
    RECORD_FUNCTION("palimpsest::add_rms_norm", {});
    const Normed result = norm_rows(x.contiguous(), delta.contiguous(), weight, delta.scalar_type());
    context->save_for_backward({result.sum_ND, weight, result.scale_N});
    return {result.sum_ND, result.normed_ND};
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    if (!grads[1].defined()) return {grads[0], grads[0], at::zeros_like(saved[1])};
    const variable_list found = norm_gradients(saved, grads[1], grads[0], true);
    return {found[0], found[2], found[1]};
  }
};

}  // namespace

at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D) {
  const at::Tensor x = x_ND.scalar_type() == at::kDouble ? x_ND : x_ND.to(at::kFloat);
  const at::Tensor scale_N1 = x.square().mean(-1, /*keepdim=*/true).add(kNormEpsilon).rsqrt();
  return x * scale_N1 * weight_D;
}

at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType type) {
  const bool fused = norm_takes(x_ND, type);
  if (fused) return NormFunction::apply(x_ND, weight_D, type);
  const at::Tensor normed_ND = plain_rms_norm(x_ND, weight_D);
  return x_ND.scalar_type() == at::kDouble ? normed_ND : normed_ND.to(type);
}

SumAndNorm add_rms_norm(const at::Tensor& x_ND, const at::Tensor& delta_ND, const at::Tensor& weight_D,
                        c10::ScalarType type) {
  const bool fused = norm_takes(x_ND, type) && delta_ND.scalar_type() == type;
  if (fused) {
    const variable_list both = AddNormFunction::apply(x_ND, delta_ND, weight_D);
    return {both[0], both[1]};
  }
  const at::Tensor sum_ND = x_ND + delta_ND;
  return {sum_ND, rms_norm(sum_ND, weight_D, type)};
}

}  // namespace palimpsest
