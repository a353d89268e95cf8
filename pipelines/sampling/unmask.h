// The two ways to choose what is written next: by confidence, and by the reverse process.
#pragma once

#include "pipelines/sampling/policy.h"

namespace palimpsest {

// MaskGIT (arXiv 2202.04200, section 3.2): every masked position draws an id; of each role, the most confident are
// written until floor(planned * (1 - alpha_s)) are left. Confidence is the log-probability of the drawn id plus
// choice_noise * (1 - (step+1)/steps) * Gumbel.
class ConfidencePolicy : public Policy {
 public:
  explicit ConfidencePolicy(SamplerOptions options) : options_(std::move(options)) {}
  Decision decide(const StepView& view) const override;

 private:
  SamplerOptions options_;
};

// The reverse law t -> s of the absorbing process: a masked position stays masked with probability
// (1-alpha_s)/(1-alpha_t), and else takes a draw of the model's distribution. MDLM (arXiv 2406.07524).
class AncestralPolicy : public Policy {
 public:
  explicit AncestralPolicy(SamplerOptions options) : options_(std::move(options)) {}
  Decision decide(const StepView& view) const override;

 private:
  SamplerOptions options_;
};

}  // namespace palimpsest
