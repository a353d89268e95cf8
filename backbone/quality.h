// QualityHead: what a denoiser offers beside logits when it was trained to judge ids that are already written.
//
// Shapes: M chosen positions.
#pragma once

#include "backbone/denoiser.h"

namespace palimpsest {

class QualityHead {
 public:
  virtual ~QualityHead() = default;

  // Probability that the id at each of the flat positions rows_M is right, given all the others: float32 [M] in [0,1]
  // (PRISM, arXiv 2510.01384).
  virtual at::Tensor quality_M(const NoisyCanvas& noisy, const at::Tensor& rows_M) = 0;
};

// The denoiser's head, or null where it has none.
inline QualityHead* quality_head(Denoiser& denoiser) { return dynamic_cast<QualityHead*>(&denoiser); }

}  // namespace palimpsest
