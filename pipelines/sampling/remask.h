// Remasking: which written positions are masked again in a step, or changed.
#pragma once

#include "pipelines/sampling/spot.h"

namespace palimpsest {

// What a step takes back, and what the policy that writes must know of it.
struct RemaskPlan {
  std::vector<std::int64_t> mask_again;  // flat
  std::vector<Write> edits;
  std::vector<double> sigma;        // mean probability of a written position, by row and role
  std::vector<std::int64_t> count;  // masked again of them
};

// The probability that a written position is masked in a step, keeping the marginal 1 - alpha_s of the masks when the
// masks are written as stay_probability says. 0 <= sigma <= min(1, (1 - alpha_s)/alpha_t) (ReMDM, arXiv 2503.00307):
// cap min(rate, most); rescale rate * most; confidence the cap's, shared out over the positions (below); loop the cap's
// while the schedule stands still; forward-backward (alpha_s - alpha_t)/alpha_t, a step of noise after each reverse
// step (arXiv 2205.14987). 0 outside the window of times.
double remask_probability(const RemaskOptions& options, const StepTimes& times);

// The probability that a masked position stays masked in a step: (1 - alpha_s - sigma alpha_t)/(1 - alpha_t). With
// sigma = 0 the reverse process of the absorbing one (MDLM, arXiv 2406.07524).
double stay_probability(const StepTimes& times, double sigma);

// Draws what is masked again. remdm-confidence gives position l of n the probability sigma n softmax(-psi)_l, psi the
// probability of its id when it was written: least sure first. (The paper's weights sum to one, so that one position a
// step is masked whatever the length; these have mean one, and keep the marginal.) `quality` does so with the head's
// present probability that the id is right for psi (PRISM, arXiv 2510.01384). `edit` masks nothing, and replaces
// an id where the model, seeing it, gives another at least edit_threshold (LLaDA2.1, arXiv 2602.08676).
RemaskPlan plan_remask(const StepView& view, const RemaskOptions& options);

}  // namespace palimpsest
