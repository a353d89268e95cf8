// TrainingOptions: the [training] table of a recipe.
#pragma once

#include "base/options.h"

namespace palimpsest {

enum class OptimizerKind { kAdamW, kMuon, kLion };
constexpr auto enum_names(OptimizerKind) {
  return std::array{std::pair{OptimizerKind::kAdamW, "adamw"}, std::pair{OptimizerKind::kMuon, "muon"},
                    std::pair{OptimizerKind::kLion, "lion"}};
}

enum class DecayKind { kConstant, kCosine, kWarmupStableDecay };
constexpr auto enum_names(DecayKind) {
  return std::array{std::pair{DecayKind::kConstant, "constant"}, std::pair{DecayKind::kCosine, "cosine"},
                    std::pair{DecayKind::kWarmupStableDecay, "wsd"}};
}

enum class BestKind { kLowest, kHighest };
constexpr auto enum_names(BestKind) {
  return std::array{std::pair{BestKind::kLowest, "lowest"}, std::pair{BestKind::kHighest, "highest"}};
}

struct TrainingOptions {
  std::int64_t steps = 1000;
  std::int64_t batch = 32;         // samples a step, over all micro-batches
  std::int64_t micro_batches = 1;  // of each process; more of them need less memory
  std::string memory_budget;       // "16GB": what a process may hold; "": no limit
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  double learning_rate = 1e-3;       // AdamW's or Lion's, at its highest; Lion wants a third to a tenth of AdamW's
  double muon_learning_rate = 0.02;  // Muon's, at its highest; updates have unit spectral scale
  double muon_momentum = 0.95;
  double weight_decay = 0.0;  // decoupled, of matrices that are neither embeddings nor norms
  double beta1 = 0.9;
  double beta2 = 0.95;  // shorter memory than 0.999: stable at short warm-up
  double epsilon = 1e-8;
  std::int64_t warmup_steps = 0;  // linear from 0
  DecayKind decay = DecayKind::kConstant;
  double decay_share = 0.2;  // wsd: last share of the steps, falling linearly
  double final_rate = 0.0;   // learning rate at the end, as a share of the highest
  double clip = 1.0;         // greatest global gradient norm; 0: no clipping
  double ema =
      0.999;  // memory of the parameter average, which validation and shipping use; 0: the parameters themselves
  std::int64_t checkpoint_every = 500;  // steps
  std::int64_t keep = 2;                // newest checkpoints kept
  std::int64_t keep_every = 0;          // steps whose checkpoints are kept for ever; 0: none
  std::string keep_best;                // validation figure whose best checkpoint is kept; "": none
  BestKind best = BestKind::kLowest;    // losses are better when lower, psnr and accuracies when higher
  std::int64_t give_up_after = 100;     // steps in a row without a finite gradient
  bool shard_optimizer = true;          // several processes: each keeps a part of the optimizer's state
  bool shard_parameters = false;        // likewise of the parameters and gradients of a backbone's blocks
  std::int64_t validate_every = 500;    // steps; 0: only at the end
  std::int64_t log_every = 10;          // steps between lines of log.jsonl
  std::int64_t sample_every = 0;        // steps between looks at what the net makes; 0: none
  std::int64_t sample_count = 8;        // items of each task then
  double energy_price = 0.0;            // of a kWh, for the estimate at the end where the machine tells its energy
  std::int64_t seed = 0;                // of initial values, data order and noise
  std::vector<std::string> freeze;      // parameters that stay as they are, by name; `*` stands for any letters
  std::string start_from;               // checkpoint whose weights a fresh run starts from; "": drawn by the seed

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("steps", self.steps, "optimizer steps in all");
    visitor("batch", self.batch, "samples a step");
    visitor("micro_batches", self.micro_batches,
            "parts that each process cuts its share of a batch into, to save memory");
    visitor("memory_budget", self.memory_budget,
            "what a process may hold ('16GB', or bytes): raises micro_batches and backbone.checkpoint_layers");
    visitor("optimizer", self.optimizer, "adamw, lion, or muon for hidden matrices with adamw for the rest");
    visitor("learning_rate", self.learning_rate, "highest learning rate of adamw or lion");
    visitor("muon_learning_rate", self.muon_learning_rate, "highest learning rate of muon");
    visitor("muon_momentum", self.muon_momentum, "momentum of muon");
    visitor("weight_decay", self.weight_decay, "decoupled weight decay of matrices");
    visitor("beta1", self.beta1, "adamw: memory of the first moment; lion: share of the momentum in a step");
    visitor("beta2", self.beta2, "adamw: memory of the second moment; lion: of the momentum");
    visitor("epsilon", self.epsilon, "adamw: added to the root of the second moment");
    visitor("warmup_steps", self.warmup_steps, "steps of linear warm-up");
    visitor("decay", self.decay, "constant, cosine or wsd (flat, then a linear fall)");
    visitor("decay_share", self.decay_share, "wsd: last share of the steps that falls");
    visitor("final_rate", self.final_rate, "learning rate at the end, as a share of the highest");
    visitor("clip", self.clip, "greatest global gradient norm, 0 for none");
    visitor("ema", self.ema, "memory of the parameter average, 0 for the parameters themselves");
    visitor("checkpoint_every", self.checkpoint_every, "steps between checkpoints");
    visitor("keep", self.keep, "newest checkpoints kept");
    visitor("keep_every", self.keep_every, "steps whose checkpoints are kept for ever, 0 for none");
    visitor("keep_best", self.keep_best, "validation figure (SPLIT/NAME) whose best checkpoint is saved and kept");
    visitor("best", self.best, "lowest or highest: which value of keep_best is the best");
    visitor("give_up_after", self.give_up_after, "steps in a row without a finite gradient that end the run");
    visitor("shard_optimizer", self.shard_optimizer, "several processes: each keeps a part of the optimizer's state");
    visitor("shard_parameters", self.shard_parameters,
            "several processes: each keeps a part of the blocks' parameters too; more is sent, less is held");
    visitor("validate_every", self.validate_every, "steps between validations, 0 for only the last step");
    visitor("log_every", self.log_every, "steps between lines of the log");
    visitor("sample_every", self.sample_every, "steps between sheets of samples, 0 for none");
    visitor("sample_count", self.sample_count, "samples of each task on such a sheet");
    visitor("energy_price", self.energy_price, "price of a kWh: what training cost is told where the machine can");
    visitor("seed", self.seed, "seed of initial values, data order and noise");
    visitor("freeze", self.freeze, "names of parameters that stay as they are; * stands for any letters");
    visitor("start_from", self.start_from, "checkpoint or run whose weights a fresh run starts from");
  }
  void validate() const;
  std::int64_t budget_bytes() const;  // of memory_budget; 0 for none
};

// "512MB", "1.5 GiB", "8000000000". InputError("", key, rule) for anything else.
std::int64_t parse_bytes(const std::string& text, const char* key);

}  // namespace palimpsest
