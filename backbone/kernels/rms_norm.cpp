#include "backbone/kernels/rms_norm.h"

namespace palimpsest {

at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType dtype) {
  const at::Tensor x = x_ND.scalar_type() == at::kDouble ? x_ND : x_ND.to(at::kFloat);
  const at::Tensor scale_N1 = x.square().mean(-1, /*keepdim=*/true).add(kNormEpsilon).rsqrt();
  return (x * scale_N1 * weight_D).to(dtype);
}

at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType dtype) {
  return plain_rms_norm(x_ND, weight_D, dtype);
}

}  // namespace palimpsest
