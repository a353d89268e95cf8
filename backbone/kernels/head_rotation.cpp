#include "backbone/kernels/head_rotation.h"

#include "backbone/kernels/chunks.h"
#include "backbone/kernels/rms_norm.h"

namespace palimpsest {

at::Tensor rotated_heads(const HeadGroup& group) {
  const std::int64_t N = group.projected_NP.size(0), H = group.heads, E = group.width;
  const at::Tensor out = at::empty({N, H, E}, group.projected_NP.options());
  with_number(out.scalar_type(), [&]<class Number>(Number) {
    const loops::RotateForward<Number> arrays{numbers<Number>(group.projected_NP) + group.first,
                                              numbers<float>(group.cos_NR),
                                              numbers<float>(group.sin_NR),
                                              numbers<float>(group.weight_E),
                                              mutable_numbers<Number>(out),
                                              group.projected_NP.size(1),
                                              H * E,
                                              H,
                                              E,
                                              static_cast<float>(kNormEpsilon)};
    for_each_chunk(N, [&](std::int64_t, loops::Rows range) { loops::rotate_forward(arrays, range); });
  });
  return out;
}

at::Tensor rotated_heads_backward(const HeadGroup& group, const at::Tensor& grad_NHE,
                                  const at::Tensor& grad_projected_NP) {
  const std::int64_t N = group.projected_NP.size(0), H = group.heads, E = group.width;
  const at::Tensor grad = grad_NHE.to(at::kFloat).contiguous();
  const at::Tensor grad_weights =
      group.weight_E.defined() ? at::zeros({num_chunks(N), E}, group.cos_NR.options()) : at::Tensor();
  with_number(grad_projected_NP.scalar_type(), [&]<class Number>(Number) {
    const loops::RotateBackward<Number> arrays{numbers<Number>(group.projected_NP) + group.first,
                                               numbers<float>(group.cos_NR),
                                               numbers<float>(group.sin_NR),
                                               numbers<float>(group.weight_E),
                                               numbers<float>(grad),
                                               mutable_numbers<Number>(grad_projected_NP) + group.first,
                                               mutable_numbers<float>(grad_weights),
                                               group.projected_NP.size(1),
                                               H * E,
                                               H,
                                               E,
                                               static_cast<float>(kNormEpsilon)};
    for_each_chunk(N, [&](std::int64_t chunk, loops::Rows range) {
      loops::RotateBackward<Number> mine = arrays;
      if (mine.grad_weight_E) mine.grad_weight_E += chunk * E;
      loops::rotate_backward(mine, range);
    });
  });
  return grad_weights.defined() ? grad_weights.sum(0) : at::Tensor();
}

}  // namespace palimpsest
