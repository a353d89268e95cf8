// Learning from another model's predictions (Hinton et al., arXiv 1503.02531).
//
// Shapes: M positions.
#pragma once

#include "backbone/diffusion/class_terms.h"

namespace palimpsest {

// T^2 KL(teacher || student) of the two softmaxes at temperature T over the ids that are legal at each predicted
// position: float32 [M], in the order of rows_M, with gradient to the student alone. Both read the same noisy canvas
// and share the vocabulary.
at::Tensor distillation_terms_M(Denoiser& student, Denoiser& teacher, const Prediction& prediction, double temperature);

// A denoiser that remembers its last features: losses of one noisy canvas share one pass through the net.
class OnePassDenoiser : public Denoiser {
 public:
  explicit OnePassDenoiser(Denoiser& denoiser) : denoiser_(denoiser) {}
  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override;
  at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) override;
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override;
  std::int64_t vocabulary_size() const override { return denoiser_.vocabulary_size(); }

 private:
  Denoiser& denoiser_;
  at::Tensor tokens_BL_, rows_M_, features_MD_;  // of the last pass
};

}  // namespace palimpsest
