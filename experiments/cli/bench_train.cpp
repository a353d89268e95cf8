// palimpsest bench train: training steps on random ids, ours and the reference's in turn.
#include <ATen/Parallel.h>

#include <cstdlib>
#include <iostream>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "base/machine.h"
#include "base/progress.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_peer.h"
#include "experiments/cli/bench_scaling.h"
#include "experiments/cli/bench_task.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/measure.h"
#include "experiments/training/launch.h"
#include "experiments/training/trainer.h"

namespace palimpsest {

namespace {

constexpr int kRoofRounds = 5;  // before every pair; the best of all is the roof

struct BenchTrainOptions {
  std::string preset = "tiny";
  std::int64_t batch = 0, vocabulary = 0;  // 0: the preset's
  std::int64_t pairs = 3, steps = 10, warmup = 3, checkpoint_layers = 0, processes = 1;
  bool alone = false, compile = false, all_rows = false, shard_parameters = false, json = false;
  MachineOptions machine;

  BenchTrainOptions() {
    machine.device = "cpu";
    machine.dtype = ComputeType::kBf16;
  }
  BenchPreset sizes() const {
    BenchPreset sizes = find_bench_preset(preset);
    if (batch > 0) sizes.batch = batch;
    if (vocabulary > 0) sizes.vocabulary = vocabulary;
    sizes.checkpoint_layers = checkpoint_layers;
    return sizes;
  }
  void validate() const {
    if (batch < 0) throw InputError("command line", "--batch", "must not be negative");
    if (vocabulary < 0) throw InputError("command line", "--vocabulary", "must not be negative");
    if (pairs < 1) throw InputError("command line", "--pairs", "must be at least 1");
    if (steps < 1) throw InputError("command line", "--steps", "must be at least 1");
    if (warmup < 0) throw InputError("command line", "--warmup", "must not be negative");
    if (alone && (compile || all_rows))
      throw InputError("command line", compile ? "--compile" : "--all-rows",
                       "is the reference's, which --alone leaves out");
    if (checkpoint_layers > 0 && !alone && processes == 1)
      throw InputError("command line", "--checkpoint-layers", "is of this program alone: goes with --alone");
    if (processes > 1 && (compile || all_rows))
      throw InputError("command line", "--processes", "is of this program alone: goes without the reference's flags");
    if (shard_parameters && processes == 1)
      throw InputError("command line", "--shard-parameters", "is of several processes: goes with --processes");
    if (sizes().batch % processes != 0)
      throw InputError(
          "command line", "--batch",
          "must be divisible by --processes (" + std::to_string(processes) + "), got " + std::to_string(sizes().batch));
    if (machine.device != "cpu" && (!alone || processes > 1))
      throw InputError("command line", "--device", "must be cpu: both sides are timed there, but for --alone");
  }
};

// This program's side: one net, stepped on and on.
class OurSide {
 public:
  OurSide(const BenchPreset& preset, const Machine& machine, std::int64_t seed)
      : dtype_(machine.dtype),
        device_(machine.device),
        options_(bench_training(preset)),
        task_(preset, machine, seed),
        optimizer_(options_, task_.parameters(), machine.dtype) {}

  // Tokens a second by the median step, after some to warm up.
  double run(std::int64_t warmup, std::int64_t steps) {
    std::vector<double> seconds;
    for (std::int64_t step = 0; step < warmup + steps; ++step) {
      stop_if_interrupted();
      const Stopwatch watch;
      last_ = training_step(task_, optimizer_, options_, done_++);
      finish(device_);
      if (step >= warmup) seconds.push_back(watch.seconds());
    }
    return tokens() / spread_of(seconds).median;
  }

  double flops_a_token() const { return task_.flops_a_step() / tokens(); }
  std::int64_t parameters() { return task_.parameters().count(); }
  double last_loss() const { return last_.loss; }
  c10::ScalarType dtype() const { return dtype_; }
  c10::Device device() const { return device_; }

 private:
  double tokens() const { return task_.units_a_step().at("tokens"); }

  c10::ScalarType dtype_;
  c10::Device device_;
  TrainingOptions options_;
  BenchTask task_;
  Optimizer optimizer_;
  std::int64_t done_ = 0;
  StepReport last_;
};

struct Figures {
  std::vector<double> ours, reference, compiled, all_rows;  // tokens/s, one a round
  std::vector<double> ratio_eager, ratio_compile;           // of the same round
  std::int64_t peak_bytes = 0, reference_peak_bytes = 0;
  double roof_flops = 0;
};

PeerRun peer_run(const BenchTrainOptions& options, c10::ScalarType dtype) {
  PeerRun run;
  run.preset = options.sizes();
  run.dtype = compute_name(dtype);
  run.threads = at::get_num_threads();
  run.steps = options.steps;
  run.warmup = options.warmup;
  run.seed = options.machine.seed;
  return run;
}

void add_reference(Figures& figures, const PythonPeer& peer, PeerRun run, const BenchTrainOptions& options) {
  const PeerFigures eager = peer.train(run);
  figures.reference.push_back(eager.tokens_per_second);
  figures.ratio_eager.push_back(figures.ours.back() / eager.tokens_per_second);
  figures.reference_peak_bytes = std::max(figures.reference_peak_bytes, eager.peak_bytes);
  if (options.all_rows) {
    PeerRun everywhere = run;
    everywhere.all_rows = true;
    figures.all_rows.push_back(peer.train(everywhere).tokens_per_second);
  }
  if (!options.compile) return;
  run.compiled = true;
  const PeerFigures compiled = peer.train(run);
  figures.compiled.push_back(compiled.tokens_per_second);
  figures.ratio_compile.push_back(figures.ours.back() / compiled.tokens_per_second);
}

// In turn, so that what else the machine does falls on both.
Figures measure(const BenchTrainOptions& options, OurSide& ours, const PythonPeer* peer) {
  const c10::ScalarType dtype = ours.dtype();
  Figures figures;
  for (std::int64_t pair = 0; pair < options.pairs; ++pair) {
    figures.roof_flops =
        std::max(figures.roof_flops, product_flops(dtype, roof_size(ours.device()), kRoofRounds, ours.device()));
    figures.ours.push_back(ours.run(options.warmup, options.steps));
    figures.peak_bytes = peak_memory_bytes();
    if (peer) add_reference(figures, *peer, peer_run(options, dtype), options);
    std::cerr << "round " << pair + 1 << " of " << options.pairs << ": " << human_count(figures.ours.back())
              << " tokens/s";
    if (peer) std::cerr << ", the reference " << human_count(figures.reference.back());
    std::cerr << "\n";
  }
  return figures;
}

Facts bench_facts(const BenchTrainOptions& options, const Figures& figures, OurSide& ours) {
  const BenchPreset preset = options.sizes();
  Facts facts{{"preset", preset.name},
              {"parameters", ours.parameters()},
              {"length", preset.length},
              {"batch", preset.batch},
              {"vocabulary", preset.vocabulary},
              {"head", "masked"},
              {"device", ours.device().str()},
              {"dtype", compute_name(ours.dtype())},
              {"threads", at::get_num_threads()},
              {"repeats", options.pairs},
              {"steps", options.steps}};
  add_spread(facts, "tokens_per_second", figures.ours);
  add_spread(facts, "reference_tokens_per_second", figures.reference);
  add_spread(facts, "reference_compile_tokens_per_second", figures.compiled);
  add_spread(facts, "reference_all_rows_tokens_per_second", figures.all_rows);
  add_spread(facts, "ratio_eager", figures.ratio_eager);
  add_spread(facts, "ratio_compile", figures.ratio_compile);
  facts["peak_bytes"] = ours.device().is_cpu() ? Facts(figures.peak_bytes) : Facts();  // of the host
  facts["reference_peak_bytes"] = figures.reference_peak_bytes > 0 ? Facts(figures.reference_peak_bytes) : Facts();
  facts["roof_flops"] = figures.roof_flops;
  facts["roof_fraction"] = spread_of(figures.ours).median * ours.flops_a_token() / figures.roof_flops;
  facts["loss_last"] = ours.last_loss();
  return facts;
}

// Started anew as so many processes, the first of which tells.
void run_bench_scaling(const BenchTrainOptions& options) {
  ScalingRun run{options.sizes(), options.processes, options.pairs,           options.steps,
                 options.warmup,  options.machine,   options.shard_parameters};
  if (run.machine.threads == 0) run.machine.threads = 1;
  if (!is_started_rank()) throw SaidElsewhere(run_processes(options.processes));
  catch_interrupts();
  const Facts facts = measure_scaling(run);
  if (!facts.empty()) print_facts(facts, options.json);
}

// torch.compile writes C++, and compiles it by what CXX names.
void require_compiler() {
  const char* named = std::getenv("CXX");
  const std::string compiler = named ? named : "g++";
  if (find_program(compiler).empty())
    throw InputError(
        "environment", "CXX",
        "'" + compiler + "' is not found, and --compile needs a C++ compiler: torch.compile's code is C++");
}

void run_bench_train(const BenchTrainOptions& options) {
  options.validate();
  if (options.compile) require_compiler();
  if (options.processes > 1) return run_bench_scaling(options);
  const BenchPreset preset = options.sizes();
  std::optional<PythonPeer> peer;
  if (!options.alone) peer.emplace("train_step.py");
  catch_interrupts();
  const Machine machine = resolve_machine(options.machine);
  OurSide ours(preset, machine, options.machine.seed);
  const Figures figures = measure(options, ours, peer ? &*peer : nullptr);
  print_facts(bench_facts(options, figures, ours), options.json);
}

}  // namespace

void add_bench_train(CLI::App& bench) {
  auto options = std::make_shared<BenchTrainOptions>();
  CLI::App* command = bench.add_subcommand("train", "training steps beside the Python reference, in turn");
  command->footer(
      "Examples:\n  palimpsest bench train --preset small --json\n"
      "  palimpsest bench train --preset small --processes 2\n"
      "Figures are medians over the pairs, with the lowest and highest; './run bench' sets the reference up.");
  command->add_option("--preset", options->preset, "tiny, small or base")->capture_default_str();
  command->add_option("--batch", options->batch, "rows a step, 0 for the preset's")->capture_default_str();
  command->add_option("--vocabulary", options->vocabulary, "ids that are predicted, 0 for the preset's")
      ->capture_default_str();
  command->add_option("--pairs", options->pairs, "how often both sides are measured, in turn")->capture_default_str();
  command->add_option("--steps", options->steps, "timed steps of a measurement")->capture_default_str();
  command->add_option("--warmup", options->warmup, "steps before them")->capture_default_str();
  command->add_flag("--alone", options->alone, "without the reference");
  command->add_flag("--compile", options->compile, "beside the compiled reference too");
  command->add_flag("--all-rows", options->all_rows,
                    "beside the reference with a head at every position too: what logits of masked ones alone save");
  command
      ->add_option("--checkpoint-layers", options->checkpoint_layers,
                   "blocks that run again in the backward pass; with --alone")
      ->capture_default_str();
  command
      ->add_option("--processes", options->processes,
                   "N processes beside one, --threads (1) each: how much faster they are, what they send")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--shard-parameters", options->shard_parameters,
                    "with --processes: each holds a part of the blocks' parameters (training.shard_parameters)");
  command->add_flag("--json", options->json, "one JSON object on stdout");
  add_options(*command, options->machine);
  command->callback([options] { run_bench_train(*options); });
}

}  // namespace palimpsest
