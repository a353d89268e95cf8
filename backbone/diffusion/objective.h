// The training objective.
#pragma once

#include <map>
#include <string>

#include "backbone/denoiser.h"
#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {

struct DiffusionLoss {
  at::Tensor loss;  // scalar with gradient
  std::map<std::string, double>
      nats;  // bound estimate, nats a token of the modality (this batch), whatever the objective; noised modalities
             // only. A bound with iid masks alone: other patterns hit positions together, which it takes no account of
};

// The objective's terms (ObjectiveKind) summed over the predicted positions, divided by the number of noised positions
// and weighted as the options say. By default the absorbing NELBO: elbo_weight(t) * cross-entropy over legal ids at
// masked positions (MDLM eq. 10, arXiv 2406.07524). Zero when nothing is to be predicted.
DiffusionLoss diffusion_loss(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                             const CanvasSchema& schema, const DiffusionOptions& options);

}  // namespace palimpsest
