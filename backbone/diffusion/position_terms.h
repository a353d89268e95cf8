// What each predicted position adds to the objective and to the bound.
//
// Shapes: M positions.
#pragma once

#include "backbone/diffusion/class_terms.h"
#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

struct PositionTerms {
  at::Tensor loss_M;  // float32, with gradient: the objective's, as ObjectiveKind says
  at::Tensor nats_M;  // float32: the bound's integrand over t; the same tensor where the objective is the bound
};

// Terms at prediction.rows_M, in their order; each of them is in noisy.masked_BL. noisy.weight_BL is left out.
PositionTerms position_terms(Denoiser& denoiser, const Prediction& prediction, const DiffusionOptions& options);

}  // namespace palimpsest
