// Root-mean-square normalisation (arXiv 1910.07467).
//
// Shapes: N rows, D width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

inline constexpr double kNormEpsilon = 1e-6;

// x / sqrt(mean(x^2) + epsilon) * weight over the last axis, computed in float32 and returned in `dtype`.
at::Tensor rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType dtype);

// The same by ATen's own operations.
at::Tensor plain_rms_norm(const at::Tensor& x_ND, const at::Tensor& weight_D, c10::ScalarType dtype);

}  // namespace palimpsest
