#include "experiments/training/options.h"

namespace palimpsest {

namespace {

void require(bool holds, const char* key, const char* rule) {
  if (!holds) throw InputError("", key, rule);
}

}  // namespace

void TrainingOptions::validate() const {
  require(steps >= 1, "steps", "must be at least 1");
  require(batch >= 1, "batch", "must be at least 1");
  require(micro_batches >= 1 && batch % micro_batches == 0, "micro_batches", "must divide batch");
  require(learning_rate > 0, "learning_rate", "must be above 0");
  require(muon_learning_rate > 0, "muon_learning_rate", "must be above 0");
  require(muon_momentum >= 0 && muon_momentum < 1, "muon_momentum", "must be in [0, 1)");
  require(weight_decay >= 0, "weight_decay", "must not be negative");
  require(beta1 >= 0 && beta1 < 1, "beta1", "must be in [0, 1)");
  require(beta2 >= 0 && beta2 < 1, "beta2", "must be in [0, 1)");
  require(epsilon > 0, "epsilon", "must be above 0");
  require(warmup_steps >= 0 && warmup_steps <= steps, "warmup_steps", "must be between 0 and steps");
  require(decay_share >= 0 && decay_share <= 1, "decay_share", "must be in [0, 1]");
  require(final_rate >= 0 && final_rate <= 1, "final_rate", "must be in [0, 1]");
  require(clip >= 0, "clip", "must not be negative");
  require(ema >= 0 && ema < 1, "ema", "must be in [0, 1)");
  require(checkpoint_every >= 1, "checkpoint_every", "must be at least 1");
  require(keep >= 1, "keep", "must be at least 1");
  require(keep_every >= 0, "keep_every", "must not be negative");
  require(give_up_after >= 1, "give_up_after", "must be at least 1");
  require(validate_every >= 0, "validate_every", "must not be negative");
  require(log_every >= 1, "log_every", "must be at least 1");
  require(sample_every >= 0, "sample_every", "must not be negative");
  require(sample_count >= 1, "sample_count", "must be at least 1");
  require(energy_price >= 0, "energy_price", "must not be negative");
  require(seed >= 0, "seed", "must not be negative");
}

}  // namespace palimpsest
