// The bound of any process at the positions of one legality class, and the score entropies.
//
// Shapes: M positions, R ids legal there.
#pragma once

#include <ATen/core/Tensor.h>

#include "backbone/diffusion/process.h"

namespace palimpsest {

// What noise did to M positions of a class.
struct NoisedRows {
  at::Tensor clean_M;            // int64, index among the legal ids
  at::Tensor seen_M;             // int64 likewise, of the noisy id; -1 where it is the mask
  NoiseLevel<at::Tensor> level;  // float64 [M], to_mask and to_uniform a unit of time
};

// Integrand over t of the process's bound on -log p at each position, float32 [M], with gradient (GIDD, arXiv
// 2503.04482): with z the noisy id, q = q(. | clean), p = q(. | x0) for x0 = softmax(logits_MR),
//   rate(z)/q(z) [ KL(q || p) + rho - log rho - 1 ],  rho = q(z)/p(z).
// For the absorbing process it is the weighted cross-entropy. x0 is best as the posterior given the other positions.
at::Tensor elbo_M(const at::Tensor& logits_MR, const NoisedRows& rows);

// Denoising score entropy (SEDD, arXiv 2310.16834): sum over y != z of rate(z) [s_y - r_y log s_y + r_y (log r_y
// - 1)], r_y = q(y)/q(z), float32 [M], with gradient. Uniform: s_y = exp(l_y - l_z) of the logits l, so that s_z = 1.
at::Tensor uniform_score_entropy_M(const at::Tensor& logits_MR, const NoisedRows& rows);

// Absorbing: s_y = alpha/(1-alpha) exp(l_y)/R, SEDD's scaling; without the weight -alpha'/(1-alpha) it is the
// cross-entropy plus Z - 1 - log Z, Z the sum of exp(l_y)/R.
at::Tensor absorbing_score_entropy_M(const at::Tensor& logits_MR, const at::Tensor& clean_M);

}  // namespace palimpsest
