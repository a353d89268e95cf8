// Root-mean-square normalisation (arXiv 1910.07467), alone and fused with the addition before it.
//
// Shapes: N rows, D width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

inline constexpr double kNormEpsilon = 1e-6;

// x / sqrt(mean(x^2) + epsilon) * weight over the last axis, computed in float32 (float64 for float64) and given in
// `type`, which is what the next matrix product reads.
at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType type = c10::ScalarType::Float);

// sum = x + delta, and its norm in `type`: what each half of a transformer block begins with.
struct SumAndNorm {
  at::Tensor sum_ND, normed_ND;
};
SumAndNorm add_rms_norm(const at::Tensor& x_ND, const at::Tensor& delta_ND, const at::Tensor& weight_D,
                        c10::ScalarType type = c10::ScalarType::Float);

// The same by ATen's own operations.
at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D);

}  // namespace palimpsest
