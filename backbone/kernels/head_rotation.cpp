#include "backbone/kernels/head_rotation.h"

#include <torch/library.h>

#include "backbone/kernels/row_arrays.h"

namespace palimpsest {

namespace {

void rotate_forward_on_cpu(const at::Tensor& projected, std::int64_t first, const at::Tensor& cos,
                           const at::Tensor& sin, const MaybeTensor& weight, const at::Tensor& out) {
  const RotateForwardTensors tensors{projected, first, cos, sin, weight, out};
  with_number(out.scalar_type(), [&]<class N>(N) {
    const loops::RotateForward<N> arrays = tensors.arrays<N>();
    for_each_chunk(out.size(0), [&](std::int64_t, loops::Rows range) { loops::rotate_forward(arrays, range); });
  });
}

void rotate_backward_on_cpu(const at::Tensor& projected, std::int64_t first, const at::Tensor& cos,
                            const at::Tensor& sin, const MaybeTensor& weight, const at::Tensor& grad,
                            const at::Tensor& grad_projected, const MaybeTensor& grad_weights) {
  const at::Tensor grad_heads = grad.to(at::kFloat).contiguous();
  const RotateBackwardTensors tensors{projected, first, cos, sin, weight, grad_heads, grad_projected, grad_weights};
  with_number(projected.scalar_type(), [&]<class N>(N) {
    const auto arrays = tensors.arrays<N, float>();
    for_each_chunk(projected.size(0), [&](std::int64_t chunk, loops::Rows range) {
      loops::RotateBackward<N> mine = arrays;
      if (mine.grad_weight_E) mine.grad_weight_E += chunk * mine.width;
      loops::rotate_backward(mine, range);
    });
  });
}

TORCH_LIBRARY_FRAGMENT(palimpsest, library) {
  library.def(
      "rotate_forward(Tensor projected, int first, Tensor cos, Tensor sin, Tensor? weight, Tensor(a!) out) -> ()");
  library.def(
      "rotate_backward(Tensor projected, int first, Tensor cos, Tensor sin, Tensor? weight, Tensor grad, "
      "Tensor(a!) grad_projected, Tensor(b!)? grad_weights) -> ()");
  library.impl("rotate_forward", c10::DispatchKey::CPU, &rotate_forward_on_cpu);
  library.impl("rotate_backward", c10::DispatchKey::CPU, &rotate_backward_on_cpu);
}

}  // namespace

at::Tensor rotated_heads(const HeadGroup& group) {
  const at::Tensor& projected = group.projected_NP;
  const at::Tensor out = at::empty({projected.size(0), group.heads, group.width}, projected.options());
  call_operation<decltype(rotate_forward_on_cpu)>("palimpsest::rotate_forward", projected, group.first, group.cos_NR,
                                                  group.sin_NR, if_defined(group.weight_E), out);
  return out;
}

at::Tensor rotated_heads_backward(const HeadGroup& group, const at::Tensor& grad_NHE,
                                  const at::Tensor& grad_projected_NP) {
  const at::Tensor& projected = group.projected_NP;
  const at::Tensor shares =
      group.weight_E.defined() ? shares_of(projected, projected.size(0), group.width) : at::Tensor();
  call_operation<decltype(rotate_backward_on_cpu)>("palimpsest::rotate_backward", projected, group.first, group.cos_NR,
                                                   group.sin_NR, if_defined(group.weight_E), grad_NHE,
                                                   grad_projected_NP, if_defined(shares));
  return shares.defined() ? shares.sum(0) : at::Tensor();
}

at::Tensor value_heads(const at::Tensor& projected_NP, std::int64_t heads, std::int64_t width) {
  return projected_NP.unflatten(-1, {-1, width}).slice(1, -heads);
}

}  // namespace palimpsest
