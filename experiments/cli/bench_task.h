// A training step on random ids: what is measured, through the trainer's own step.
#pragma once

#include "backbone/transformer/transformer.h"
#include "base/machine.h"
#include "experiments/cli/bench_preset.h"
#include "experiments/training/task.h"

namespace palimpsest {

class BenchTask : public TrainingTask {
 public:
  // One batch of ids drawn from `seed`, the same for every step; the noise is fresh.
  BenchTask(const BenchPreset& preset, const Machine& machine, std::int64_t seed);

  ParameterSet& parameters() override { return transformer_.parameters(); }
  LossReport loss(const StepPosition& position) override;
  std::map<std::string, double> validate(std::int64_t) override { return {}; }
  std::map<std::string, double> units_a_step() const override;
  double flops_a_step() const override;
  Transformer* blocked_net() override { return &transformer_; }
  void save_extras(const std::filesystem::path&) const override {}  // nothing of a benchmark is kept

 private:
  BenchPreset preset_;
  RandomKey key_;
  CanvasSchema schema_;
  DiffusionOptions diffusion_;
  Transformer transformer_;
  TokenCanvas clean_;
};

}  // namespace palimpsest
