#include "experiments/cli/bench_scaling.h"

#include <iostream>

#include "base/interrupt.h"
#include "base/progress.h"
#include "experiments/cli/bench_task.h"
#include "experiments/cli/measure.h"
#include "experiments/training/trainer.h"

namespace palimpsest {

namespace {

// One net with its optimizer, alone or one of several.
class SteppedNet {
 public:
  SteppedNet(const BenchPreset& preset, const ScalingRun& run, const Machine& machine, Peers& peers)
      : options_(bench_training(preset)),
        task_(preset, machine, run.machine.seed),
        exchange_(task_.parameters(), peers, options_.shard_optimizer,
                  run.shard_parameters ? task_.blocked_net() : nullptr),
        optimizer_(options_, exchange_.own(), machine.dtype) {}

  // Steps a second by the median step, after some to warm up.
  double run(std::int64_t warmup, std::int64_t steps) {
    std::vector<double> seconds;
    for (std::int64_t step = 0; step < warmup + steps; ++step) {
      stop_if_interrupted();
      const Stopwatch watch;
      training_step(task_, optimizer_, options_, done_++, exchange_);
      if (step >= warmup) seconds.push_back(watch.seconds());
    }
    return 1.0 / spread_of(seconds).median;
  }
  std::int64_t parameters() { return task_.parameters().count(); }

 private:
  TrainingOptions options_;
  BenchTask task_;
  Exchange exchange_;
  Optimizer optimizer_;
  std::int64_t done_ = 0;
};

struct ScalingFigures {
  std::vector<double> one, all, efficiency;  // tokens/s, by round
  double bytes_a_step = 0;
};

ScalingFigures measure_rounds(const ScalingRun& run, SteppedNet* one, SteppedNet& shared, Peers& peers) {
  const double tokens = static_cast<double>(run.preset.batch * run.preset.length);
  ScalingFigures figures;
  for (std::int64_t round = 0; round < run.rounds; ++round) {
    if (one) figures.one.push_back(tokens * one->run(run.warmup, run.steps));
    peers.barrier();
    const double before = peers.bytes_sent();
    figures.all.push_back(tokens * shared.run(run.warmup, run.steps));
    figures.bytes_a_step = (peers.bytes_sent() - before) / static_cast<double>(run.warmup + run.steps);
    if (!one) continue;
    figures.efficiency.push_back(figures.all.back() / (static_cast<double>(run.processes) * figures.one.back()));
    std::cerr << "round " << round + 1 << " of " << run.rounds << ": one process " << human_count(figures.one.back())
              << " tokens/s, " << run.processes << " of them " << human_count(figures.all.back()) << "\n";
  }
  return figures;
}

}  // namespace

Facts measure_scaling(const ScalingRun& run) {
  TORCH_CHECK(run.preset.batch % run.processes == 0, "measure_scaling: the batch must be shared evenly");
  BenchPreset share = run.preset;
  share.batch /= run.processes;
  const Machine machine = resolve_machine(run.machine);
  Peers peers(rank_place_from_environment(), {}), nobody;
  std::optional<SteppedNet> one;
  if (peers.first()) one.emplace(run.preset, run, machine, nobody);
  SteppedNet shared(share, run, machine, peers);
  const ScalingFigures figures = measure_rounds(run, one ? &*one : nullptr, shared, peers);
  peers.barrier();
  if (!one) return {};
  Facts facts{
      {"preset", run.preset.name},  {"parameters", one->parameters()},         {"length", run.preset.length},
      {"batch", run.preset.batch},  {"vocabulary", run.preset.vocabulary},     {"dtype", compute_name(machine.dtype)},
      {"processes", run.processes}, {"threads_each", run.machine.threads},     {"repeats", run.rounds},
      {"steps", run.steps},         {"shard_parameters", run.shard_parameters}};
  add_spread(facts, "one_process_tokens_per_second", figures.one);
  add_spread(facts, "tokens_per_second", figures.all);
  add_spread(facts, "efficiency", figures.efficiency);
  facts["sent_bytes_a_step"] = figures.bytes_a_step;
  return facts;
}

}  // namespace palimpsest
