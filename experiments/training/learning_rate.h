// The learning rate's course over training, as a share of its highest value.
#pragma once

#include "experiments/training/options.h"

namespace palimpsest {

// Factor in [0,1] at a step counted from 0: (step+1)/warmup_steps while warming up, then by options.decay down to
// final_rate at the last step. Cosine: arXiv 1608.03983; warmup-stable-decay: arXiv 2404.06395.
double rate_factor(const TrainingOptions& options, std::int64_t step);

}  // namespace palimpsest
