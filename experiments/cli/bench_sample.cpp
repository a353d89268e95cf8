// palimpsest bench sample: the sampler's own time beside the network's, and both beside a Python reference.
#include <ATen/Parallel.h>

#include <iostream>

#include "base/errors.h"
#include "base/interrupt.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_sample_peer.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

Facts reference_facts(const SampleReference& reference, const SampleRun& run, const SampleTimes& ours) {
  const ReferenceTimes times = reference.times(run);
  const double own_ms = times.step_ms - times.model_ms, own_share = own_ms / times.model_ms;
  return {{"name", reference.name(run.policy)},
          {"step_ms", times.step_ms},
          {"model_ms", times.model_ms},
          {"own_ms", own_ms},
          {"own_share", own_share},
          {"own_share_ratio", ours.own_share() / own_share},
          {"step_ratio", times.step_ms / spread_of(ours.step_ms).median}};
}

Facts sample_row(BenchSampling& sampling, const SampleRun& run, const std::optional<SampleReference>& reference) {
  const SampleTimes ours = sampling.run(run);
  Facts row{{"policy", run.policy.name}, {"batch", run.batch}, {"guidance", run.guidance}};
  add_spread(row, "step_ms", ours.step_ms);
  add_spread(row, "model_ms", ours.model_ms);
  add_spread(row, "own_ms", ours.own_ms);
  row["own_share"] = ours.own_share();
  row["peak_bytes"] = ours.peak_bytes;
  row["logits_bytes"] = sampling.logits_bytes(run.batch);
  row["peak_over_logits"] =
      static_cast<double>(ours.peak_bytes) / static_cast<double>(sampling.logits_bytes(run.batch));
  if (reference) row["reference"] = reference_facts(*reference, run, ours);
  return row;
}

void run_bench_sample(const BenchSampleOptions& options) {
  options.validate();
  catch_interrupts();
  const Machine machine = resolve_machine(options.machine);
  std::optional<SampleReference> reference;
  if (!options.alone) reference.emplace(options, machine);
  BenchSampling sampling(options, machine);
  Facts rows = Facts::array();
  for (const std::string& policy : options.policies) {
    for (const std::int64_t batch : options.batches) {
      for (const double guidance : {1.0, kReferenceGuidance}) {
        if (guidance != 1.0 && !options.guided) continue;
        rows.push_back(sample_row(sampling, {find_timed_policy(policy), batch, guidance}, reference));
        std::cerr << rows.back().dump() << "\n";
      }
    }
  }
  print_facts({{"preset", options.preset},
               {"parameters", sampling.parameters()},
               {"given", options.given},
               {"wanted", options.wanted},
               {"ids", options.ids},
               {"vocabulary", sampling.vocabulary()},
               {"steps", options.steps},
               {"dtype", compute_name(machine.dtype)},
               {"threads", at::get_num_threads()},
               {"repeats", options.repeats},
               {"rows", rows}},
              options.json);
}

}  // namespace

void add_bench_sample(CLI::App& bench) {
  auto options = std::make_shared<BenchSampleOptions>();
  CLI::App* command = bench.add_subcommand("sample", "sampler steps beside a Python reference");
  command->footer(
      "Examples:\n"
      "  palimpsest bench sample --json\n"
      "  palimpsest bench sample --preset base --batch 8 --given 0 --wanted 1024 --ids 32768 --steps 1 --unguided\n"
      "      --policy confidence ancestral top-k top-p min-p entropy-bounded\n"
      "  palimpsest bench sample --reference diffusers --policy confidence");
  command->add_option("--policy", options->policies, "confidence, ancestral, top-k, top-p, min-p, entropy-bounded")
      ->capture_default_str();
  command->add_option("--reference", options->reference, "beside it: sample (the same network in PyTorch) or diffusers")
      ->capture_default_str();
  command->add_option("--preset", options->preset, "size of the network: tiny, small or base")->capture_default_str();
  command->add_option("--batch", options->batches, "rows of a call")->capture_default_str();
  command->add_option("--given", options->given, "positions that are given")->capture_default_str();
  command->add_option("--wanted", options->wanted, "positions that are written")->capture_default_str();
  command->add_option("--ids", options->ids, "ids that may stand there")->capture_default_str();
  command->add_option("--steps", options->steps, "sampler steps; in one step both sides compute every position")
      ->capture_default_str();
  command->add_option("--repeats", options->repeats, "how often each is measured")->capture_default_str();
  command->add_flag("!--unguided", options->guided, "without the rows with guidance");
  command->add_flag("--alone", options->alone, "without the reference");
  command->add_flag("--json", options->json, "one JSON object on stdout");
  add_options(*command, options->machine);
  command->callback([options] { run_bench_sample(*options); });
}

}  // namespace palimpsest
