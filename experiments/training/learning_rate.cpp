#include "experiments/training/learning_rate.h"

#include <cmath>
#include <numbers>

namespace palimpsest {

namespace {

// How far through [begin, end) a step is, so that the last step of training is 1.
double progress_through(double begin, double end, double step) {
  return end - begin <= 1 ? 1.0 : (step - begin) / (end - 1 - begin);
}

}  // namespace

double rate_factor(const TrainingOptions& options, std::int64_t step) {
  if (step < options.warmup_steps) return static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  const double steps = static_cast<double>(options.steps), here = static_cast<double>(step);
  const double warm = static_cast<double>(options.warmup_steps);
  const double fall = 1.0 - options.final_rate;
  switch (options.decay) {
    case DecayKind::kConstant:
      return 1.0;
    case DecayKind::kCosine:
      return options.final_rate + fall * 0.5 * (1.0 + std::cos(std::numbers::pi * progress_through(warm, steps, here)));
    case DecayKind::kWarmupStableDecay: {
      const double begin = std::max(warm, std::floor(steps * (1.0 - options.decay_share)));
      return here < begin ? 1.0 : 1.0 - fall * progress_through(begin, steps, here);
    }
  }
  TORCH_CHECK(false, "rate_factor: unknown decay");
}

}  // namespace palimpsest
