// palimpsest bench sample: sampler steps of a network with random weights, and how much of them is the network's.
#include <ATen/Parallel.h>

#include <iostream>

#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/bench_peer.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/measure.h"
#include "pipelines/sampling/sampler.h"

namespace palimpsest {

namespace {

constexpr double kReferenceGuidance = 3.0;  // sample.py's and diffusers_step.py's own

// A way to sample that is timed: a name, and what differs from the defaults.
struct TimedSampler {
  const char* name;
  const char* reference;  // what sample.py calls it, or ""
  void (*set)(SamplerOptions& options);
};

constexpr std::array kTimedSamplers{
    TimedSampler{"confidence", "maskgit", [](SamplerOptions&) {}},
    TimedSampler{"ancestral", "ancestral",
                 [](SamplerOptions& options) {
                   options.unmask = UnmaskKind::kAncestral;
                   options.grid = TimeGridKind::kUniform;
                 }},
    TimedSampler{"top-k", "", [](SamplerOptions& options) { options.top_k = 50; }},
    TimedSampler{"top-p", "", [](SamplerOptions& options) { options.top_p = 0.9; }},
    TimedSampler{"min-p", "", [](SamplerOptions& options) { options.min_p = 0.05; }},
    TimedSampler{"entropy-bounded", "", [](SamplerOptions& options) { options.unmask = UnmaskKind::kEntropyBounded; }}};

struct BenchSampleOptions {
  std::string preset = "tiny";
  std::vector<std::string> samplers = {"confidence", "ancestral"};
  std::vector<std::int64_t> batches = {1, 8};
  std::int64_t given = 64, wanted = 256, ids = 512, steps = 16, repeats = 3;
  bool guided = true, alone = false, json = false;
  MachineOptions machine;

  BenchSampleOptions() {
    machine.device = "cpu";
    machine.dtype = ComputeType::kBf16;
  }
  void validate() const {
    find_bench_preset(preset);
    for (const std::int64_t batch : batches) {
      if (batch < 1) throw InputError("command line", "--batch", "must be at least 1");
    }
    if (given < 0) throw InputError("command line", "--given", "must not be negative");
    if (guided && given < 1) throw InputError("command line", "--guided", "needs something given: --given 1 or more");
    if (wanted < 1) throw InputError("command line", "--wanted", "must be at least 1");
    if (ids < 1) throw InputError("command line", "--ids", "must be at least 1");
    if (steps < 1) throw InputError("command line", "--steps", "must be at least 1");
    if (repeats < 1) throw InputError("command line", "--repeats", "must be at least 1");
    if (machine.device != "cpu") throw InputError("command line", "--device", "must be cpu: all sides are timed there");
  }
};

const TimedSampler& find_timed_sampler(const std::string& name) {
  std::vector<std::string> names;
  for (const TimedSampler& sampler : kTimedSamplers) {
    if (name == sampler.name) return sampler;
    names.emplace_back(sampler.name);
  }
  throw InputError("command line", "--samplers", "unknown sampler '" + name + "'" + suggest(name, names));
}

// Adds up the time that is spent in another denoiser.
class TimedDenoiser : public Denoiser {
 public:
  explicit TimedDenoiser(std::shared_ptr<Denoiser> denoiser) : denoiser_(std::move(denoiser)) {}

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return timed([&] { return denoiser_->logits_MV(noisy, rows_M); });
  }
  at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return timed([&] { return denoiser_->features_MD(noisy, rows_M); });
  }
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override {
    return timed([&] { return denoiser_->logits_MR(features_MD, ranges); });
  }
  std::int64_t vocabulary_size() const override { return denoiser_->vocabulary_size(); }

  double take_seconds() { return std::exchange(seconds_, 0.0); }

 private:
  template <class Work>
  at::Tensor timed(const Work& work) {
    const Stopwatch watch;
    at::Tensor result = work();
    seconds_ += watch.seconds();
    return result;
  }

  std::shared_ptr<Denoiser> denoiser_;
  double seconds_ = 0;
};

struct SampleTimes {
  std::vector<double> step_ms, model_ms, own_ms;  // one a repeat
  double own_share() const { return spread_of(own_ms).median / spread_of(step_ms).median; }
};

// This program's side: a network over a caption that is given and a page that is wanted.
class OurSampling {
 public:
  OurSampling(const BenchSampleOptions& options, const Machine& machine)
      : options_(options), schema_(make_schema(options)) {
    const BenchPreset& preset = find_bench_preset(options.preset);
    auto transformer = std::make_shared<Transformer>(bench_transformer(preset), schema_, RandomKey::root(1));
    transformer->set_compute_type(machine.dtype);
    parameters_ = transformer->parameters().count();
    denoiser_ = std::make_shared<TimedDenoiser>(transformer);
  }

  SampleTimes run(const TimedSampler& sampler, std::int64_t batch, double guidance) {
    SamplerOptions options;
    options.steps = options_.steps;
    options.guidance = guidance;
    sampler.set(options);
    const Sampler timed({denoiser_, schema_, bench_diffusion(), c10::DeviceType::CPU, batch}, options);
    const TokenCanvas start = canvas(batch);
    SampleTimes times;
    for (std::int64_t repeat = 0; repeat <= options_.repeats; ++repeat) {
      denoiser_->take_seconds();
      const Stopwatch watch;
      timed.run(start, sample_keys(7, 0, batch), [](std::int64_t) { stop_if_interrupted(); });
      const double a_step = 1e3 / static_cast<double>(options_.steps);
      const double step_ms = watch.seconds() * a_step, model_ms = denoiser_->take_seconds() * a_step;
      if (repeat == 0) continue;  // to warm up
      times.step_ms.push_back(step_ms);
      times.model_ms.push_back(model_ms);
      times.own_ms.push_back(step_ms - model_ms);
    }
    return times;
  }

  std::int64_t parameters() const { return parameters_; }

 private:
  // Ids as many as the reference has: those of the page, and the others as text.
  static CanvasSchema make_schema(const BenchSampleOptions& options) {
    const std::int64_t others = std::max<std::int64_t>(1, find_bench_preset(options.preset).vocabulary - options.ids);
    std::vector<Role> roles;
    if (options.given > 0) roles.push_back({"caption", text_layout(options.given), false});
    roles.push_back({"page", text_layout(options.wanted, "image"), false});
    return CanvasSchema(std::move(roles), Vocabulary({{"text", {others}}, {"image", {options.ids}}}));
  }

  TokenCanvas canvas(std::int64_t batch) const {
    std::vector<Document> documents(static_cast<std::size_t>(batch));
    for (Document& document : documents) {
      if (options_.given > 0) {
        document.roles["caption"].ids_L = at::arange(options_.given, at::kLong);
        document.roles["caption"].frozen = true;
      }
    }
    return build_canvas(schema_, documents);
  }

  BenchSampleOptions options_;
  CanvasSchema schema_;
  std::shared_ptr<TimedDenoiser> denoiser_;
  std::int64_t parameters_ = 0;
};

double guidance_of(const PeerRow& row) { return row.at("guidance").is_number() ? row.at("guidance").get<double>() : 1; }

// What a reference says of the same work: milliseconds a step, and the network's part of them.
struct ReferenceTimes {
  double step_ms = 0, model_ms = 0;
};

class References {
 public:
  References(const BenchSampleOptions& options, const Machine& machine)
      : sampling_("sample.py"), diffusers_("diffusers_step.py") {
    std::vector<std::string> arguments{"--preset",  options.preset,
                                       "--dtype",   compute_name(machine.dtype),
                                       "--threads", std::to_string(at::get_num_threads()),
                                       "--steps",   std::to_string(options.steps),
                                       "--caption", std::to_string(options.given),
                                       "--repeat",  std::to_string(options.repeats),
                                       "--batch"};
    for (const std::int64_t batch : options.batches) arguments.push_back(std::to_string(batch));
    amused_rows_ = diffusers_.rows(arguments);
    for (const char* argument : {"--only", "image", "--image"}) arguments.emplace_back(argument);
    arguments.push_back(std::to_string(options.wanted));
    sample_rows_ = sampling_.rows(arguments);
  }

  ReferenceTimes sample(const std::string& sampler, std::int64_t batch, double guidance) const {
    for (const PeerRow& row : sample_rows_) {
      if (row.value("sampler", "") == sampler && row.value("batch", 0) == batch && guidance_of(row) == guidance)
        return {peer_figure(row, "ms/step"), peer_figure(row, "of it model")};
    }
    throw InputError("sample.py", sampler, "it printed no such row");
  }
  // diffusers' own loop: the pipeline, the network alone.
  ReferenceTimes amused(std::int64_t batch, double guidance) const {
    for (const PeerRow& row : amused_rows_) {
      if (row.contains("guidance") && row.value("batch", 0) == batch && guidance_of(row) == guidance)
        return {peer_figure(row, "pipeline ms/step"), peer_figure(row, "uvit ms")};
    }
    throw InputError("diffusers_step.py", "", "it printed no such row");
  }

 private:
  PythonPeer sampling_, diffusers_;
  std::vector<PeerRow> sample_rows_, amused_rows_;
};

void add_reference_facts(Facts& row, const std::string& name, const SampleTimes& ours, const ReferenceTimes& times) {
  row[name + "_step_ms"] = times.step_ms;
  row[name + "_own_ms"] = times.step_ms - times.model_ms;
  row[name + "_step_ratio"] = times.step_ms / spread_of(ours.step_ms).median;
  row[name + "_own_ratio"] = spread_of(ours.own_ms).median / (times.step_ms - times.model_ms);
}

Facts sample_row(const TimedSampler& sampler, std::int64_t batch, double guidance, const SampleTimes& ours,
                 const std::optional<References>& references) {
  Facts row{{"sampler", sampler.name},
            {"batch", batch},
            {"guidance", guidance},
            {"step_ms", spread_of(ours.step_ms).median},
            {"model_ms", spread_of(ours.model_ms).median},
            {"own_ms", spread_of(ours.own_ms).median},
            {"own_share", ours.own_share()}};
  if (!references || *sampler.reference == '\0') return row;
  add_reference_facts(row, "reference", ours, references->sample(sampler.reference, batch, guidance));
  if (std::string_view(sampler.reference) == "maskgit")
    add_reference_facts(row, "diffusers", ours, references->amused(batch, guidance));
  return row;
}

void run_bench_sample(const BenchSampleOptions& options) {
  options.validate();
  std::vector<const TimedSampler*> samplers;
  for (const std::string& name : options.samplers) samplers.push_back(&find_timed_sampler(name));
  catch_interrupts();
  const Machine machine = resolve_machine(options.machine);
  std::optional<References> references;
  if (!options.alone) references.emplace(options, machine);
  OurSampling ours(options, machine);
  Facts rows = Facts::array();
  for (const TimedSampler* sampler : samplers) {
    for (const std::int64_t batch : options.batches) {
      for (const double guidance : {1.0, kReferenceGuidance}) {
        if (guidance != 1.0 && !options.guided) continue;
        rows.push_back(sample_row(*sampler, batch, guidance, ours.run(*sampler, batch, guidance), references));
        std::cerr << rows.back().dump() << "\n";
      }
    }
  }
  Facts facts{{"preset", options.preset},
              {"parameters", ours.parameters()},
              {"given", options.given},
              {"wanted", options.wanted},
              {"ids", options.ids},
              {"steps", options.steps},
              {"dtype", compute_name(machine.dtype)},
              {"threads", at::get_num_threads()},
              {"repeats", options.repeats},
              {"rows", rows}};
  print_facts(facts, options.json);
}

}  // namespace

void add_bench_sample(CLI::App& bench) {
  auto options = std::make_shared<BenchSampleOptions>();
  CLI::App* command = bench.add_subcommand("sample", "sampler steps beside the Python references");
  command->footer(
      "Examples:\n"
      "  palimpsest bench sample --json\n"
      "  palimpsest bench sample --alone --preset base --batch 8 --given 0 --wanted 1024 --ids 32768 --steps 4 "
      "--unguided\n"
      "      --samplers confidence ancestral top-k top-p min-p entropy-bounded");
  command->add_option("--preset", options->preset, "size of the network: tiny, small or base")->capture_default_str();
  command->add_option("--samplers", options->samplers, "confidence, ancestral, top-k, top-p, min-p, entropy-bounded")
      ->capture_default_str();
  command->add_option("--batch", options->batches, "rows of a call")->capture_default_str();
  command->add_option("--given", options->given, "positions that are given")->capture_default_str();
  command->add_option("--wanted", options->wanted, "positions that are written")->capture_default_str();
  command->add_option("--ids", options->ids, "ids that may stand there")->capture_default_str();
  command->add_option("--steps", options->steps, "sampler steps")->capture_default_str();
  command->add_option("--repeats", options->repeats, "how often each is measured")->capture_default_str();
  command->add_flag("!--unguided", options->guided, "without the rows with guidance");
  command->add_flag("--alone", options->alone, "without the references");
  command->add_flag("--json", options->json, "one JSON object on stdout");
  add_options(*command, options->machine);
  command->callback([options] { run_bench_sample(*options); });
}

}  // namespace palimpsest
