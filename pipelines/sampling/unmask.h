// How a step chooses what is written: by the reverse process, in an order, or as far as the model is sure.
#pragma once

#include "pipelines/sampling/policy.h"

namespace palimpsest {

// Each role's positions are written as its `unmask` says:
//
// Ancestral: the reverse law t -> s of the absorbing process. A masked position stays masked with probability
// (1-alpha_s)/(1-alpha_t), or what ReMDM makes of that, and else takes a draw of the model's distribution.
//
// Ordered, MaskGIT (arXiv 2202.04200, section 3.2) and its kin: every masked position of a role has a score, and the
// greatest are written until floor(planned * (1 - alpha_s)) positions are left masked. Confidence, margin and entropy
// have choice_noise * (1 - (step+1)/steps) * Gumbel added, so that the order is drawn by Plackett and Luce's law at
// that temperature. First-hitting is the random order.
//
// Adaptive: as many positions of a role as the model is sure of, at least one a step and all in the last. Threshold:
// drawn ids more probable than tau, else the most probable one (Fast-dLLM, arXiv 2505.22618). Entropy-bounded: the
// least entropies H while their sum less the greatest of them is at most gamma (EB, arXiv 2505.24857).
//
// What is masked again beside it is the remasking's (remask.h), for all roles alike.
class UnmaskPolicy : public Policy {
 public:
  explicit UnmaskPolicy(SamplerOptions options) : options_(std::move(options)) {}
  Decision decide(const StepView& view) const override;
  bool revises() const override { return options_.remask.kind != RemaskKind::kNone; }
  bool reads_written() const override { return options_.remask.kind == RemaskKind::kEdit; }
  bool needs_quality() const override { return options_.remask.kind == RemaskKind::kQuality; }

 private:
  SamplerOptions options_;
};

}  // namespace palimpsest
