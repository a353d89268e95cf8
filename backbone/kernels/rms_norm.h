// Root-mean-square normalisation (arXiv 1910.07467), alone and fused with the addition before it.
//
// Shapes: N rows, D width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

inline constexpr double kNormEpsilon = 1e-6;

// x / sqrt(mean(x^2) + epsilon) * weight over the last axis, computed in float32 (float64 for float64).
at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D);

// sum = x + delta, and its norm: what each half of a transformer block begins with.
struct SumAndNorm {
  at::Tensor sum_ND, normed_ND;
};
SumAndNorm add_rms_norm(const at::Tensor& x_ND, const at::Tensor& delta_ND, const at::Tensor& weight_D);

// The same by ATen's own operations.
at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D);

}  // namespace palimpsest
