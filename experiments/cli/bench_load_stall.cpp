// Stall: how long a training step waits for its batch.
#include <ATen/Parallel.h>

#include "backbone/diffusion/diffusion.h"
#include "base/interrupt.h"
#include "datasets/loading/mixture.h"
#include "datasets/loading/prefetch.h"
#include "experiments/cli/bench_load.h"
#include "experiments/cli/bench_task.h"
#include "experiments/cli/measure.h"
#include "experiments/training/trainer.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// A training step on rows of the shards, in the order of a mixture, made ahead by a thread.
class LoadedTask : public TrainingTask {
 public:
  LoadedTask(const BenchPreset& preset, const Machine& machine, std::shared_ptr<TokenSet> set)
      : batch_(preset.batch),
        schema_(bench_schema(preset)),
        diffusion_(bench_diffusion()),
        transformer_(bench_transformer(preset), schema_, RandomKey::root(1)),
        mixture_({{std::move(set), 1.0}}, RandomKey::root(4), kBenchWindow),
        prefetcher_([this](std::int64_t step) { return make(step); }, 2) {
    transformer_.set_compute_type(machine.dtype);
  }

  ParameterSet& parameters() override { return transformer_.parameters(); }
  LossReport loss(const StepPosition& position) override {
    const Batch batch = prefetcher_.take(position.step);
    const DiffusionLoss result = diffusion_loss(transformer_, batch.clean, batch.noisy, schema_, diffusion_);
    return {result.loss, result.nats};
  }
  std::map<std::string, double> validate(std::int64_t) override { return {}; }
  std::map<std::string, double> units_a_step() const override { return {}; }
  void save_extras(const fs::path&) const override {}  // nothing of a benchmark is kept

  double waited_seconds() const { return prefetcher_.waited_seconds(); }
  // What a step would wait for were nothing made ahead.
  double making_seconds(std::int64_t steps) const {
    const Stopwatch watch;
    for (std::int64_t step = 0; step < steps; ++step) make(step);
    return watch.seconds();
  }

 private:
  struct Batch {
    TokenCanvas clean;
    NoisyCanvas noisy;
  };
  Batch make(std::int64_t step) const {
    const std::vector<std::int64_t> indices = share_of_step(step, batch_, 0, 1);
    std::vector<Document> documents;
    for (const std::int64_t index : indices) documents.push_back(mixture_.document(mixture_.place(index)));
    const TokenCanvas clean = build_canvas(schema_, documents);
    return {clean, corrupt(clean, schema_, diffusion_, RandomKey::root(5), indices, batch_)};
  }

  std::int64_t batch_;
  CanvasSchema schema_;
  DiffusionOptions diffusion_;
  Transformer transformer_;
  Mixture mixture_;
  Prefetcher<Batch> prefetcher_;  // goes first: its thread uses the rest
};

}  // namespace

Facts stall_facts(const BenchLoadOptions& options, const std::filesystem::path& directory) {
  BenchPreset preset = find_bench_preset("tiny");
  preset.length = options.length;
  preset.vocabulary = kBenchIds;
  MachineOptions wish;
  wish.device = "cpu";
  LoadedTask task(preset, resolve_machine(wish), open_token_set(directory, "train", kBenchMemory));
  const TrainingOptions training = bench_training(preset);
  Optimizer optimizer(training, task.parameters(), c10::ScalarType::Float);
  training_step(task, optimizer, training, 0);
  const double waited = task.waited_seconds();
  const Stopwatch watch;
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    stop_if_interrupted();
    training_step(task, optimizer, training, step);
  }
  const double seconds = watch.seconds(), steps = static_cast<double>(options.steps);
  return {{"preset", preset.name},
          {"batch", preset.batch},
          {"steps", options.steps},
          {"threads", at::get_num_threads()},
          {"step_seconds", seconds / steps},
          {"batch_seconds", task.making_seconds(options.steps) / steps},
          {"stall_share", (task.waited_seconds() - waited) / seconds}};
}

}  // namespace palimpsest
