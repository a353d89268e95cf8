// Denoiser: a corrupted canvas in, logits out. Where transformer and diffusion meet.
//
// Shapes: B rows, L positions, V vocabulary, M chosen positions.
#pragma once

#include <ATen/core/Tensor.h>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// A canvas after noise.
struct NoisyCanvas {
  TokenCanvas canvas;    // tokens_BL are the noisy ids
  at::Tensor t_BL;       // float32 in [0,1], 0 = clean (frozen positions are 0)
  at::Tensor masked_BL;  // bool: corrupted, to be predicted
};

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // Finite logits at the flat positions rows_M (int64 indices into B*L): [M,V]. Only these rows of the head are computed.
  virtual at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) = 0;

  // Logits everywhere: [B,L,V].
  at::Tensor logits_BLV(const NoisyCanvas& noisy);

  virtual std::int64_t vocabulary_size() const = 0;
};

}  // namespace palimpsest
