// Denoiser: a corrupted canvas in, logits out. Where transformer and diffusion meet.
//
// Shapes: B rows, L positions, V vocabulary, M chosen positions, D width of the features, R ids of some ranges.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// A canvas after noise.
struct NoisyCanvas {
  TokenCanvas canvas;         // tokens_BL are the noisy ids
  at::Tensor t_BL;            // float32 in [0,1], 0 = clean (frozen positions are 0)
  at::Tensor masked_BL;       // bool: to be predicted. Masked; for processes that swap ids, all that noise could hit
  at::Tensor weight_BL = {};  // float32 loss weight of how the noise was drawn; undefined where all are 1

  NoisyCanvas to(c10::Device device) const;
};

// Logits [M,R] over some ids from features [M,D].
using LogitsHead = std::function<at::Tensor(const at::Tensor& features_MD)>;

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // Finite logits at the flat positions rows_M (int64 indices into B*L): [M,V]. Only these rows of the head are
  // computed.
  virtual at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) = 0;

  // The same in two halves, so that a loss pays only for the ids that are legal at a position: features before the head
  // at rows_M, and their logits over some id ranges laid side by side. Without an override the features are the logits.
  virtual at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M);
  virtual at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges);

  // logits_MR with the ranges said once, for many calls with few rows each. It lives no longer than the denoiser.
  virtual LogitsHead head(const std::vector<IdRange>& ranges);

  // The float32 matrix [R,D] that logits_MR multiplies features by, so that a loss need not hold the logits. Undefined
  // where logits are made otherwise.
  virtual at::Tensor head_RD(const std::vector<IdRange>& ranges);

  // Logits everywhere: [B,L,V].
  at::Tensor logits_BLV(const NoisyCanvas& noisy);

  virtual std::int64_t vocabulary_size() const = 0;
};

// The columns of the ranges side by side: [M,V] -> [M,R], or the rows of a matrix [V,D] -> [R,D] with dim 0. A view for
// one range.
at::Tensor select_ranges(const at::Tensor& values, const std::vector<IdRange>& ranges, std::int64_t dim);

}  // namespace palimpsest
