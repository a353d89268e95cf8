// The training objective of absorbing diffusion.
#pragma once

#include <map>
#include <string>

#include "backbone/denoiser.h"
#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

struct DiffusionLoss {
  at::Tensor loss;  // scalar with gradient
  std::map<std::string, double>
      nats;  // NELBO estimate, nats a token of the modality (this batch); noised modalities only
};

// Absorbing NELBO: sum over masked positions of elbo_weight(t) * cross-entropy over legal ids (MDLM eq. 10, arXiv
// 2406.07524), divided by the number of noised positions and weighted as the options say. Zero when nothing is masked.
DiffusionLoss diffusion_loss(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                             const CanvasSchema& schema, const DiffusionOptions& options);

// -log p of the clean id at the flat positions rows_M over the ids legal there: float32 [M], in the order of rows_M.
// Each class's head product covers its own ids only.
at::Tensor legal_nll_M(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                       const CanvasSchema& schema, const at::Tensor& rows_M);

}  // namespace palimpsest
