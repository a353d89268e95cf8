#include "experiments/cli/bench_sampling.h"

#include <cmath>

#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "base/interrupt.h"
#include "experiments/cli/bench_preset.h"
#include "experiments/cli/measure.h"
#include "experiments/cli/timed_denoiser.h"
#include "pipelines/sampling/sampler.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kOtherIds = 4096 + 1024;  // the reference's text and sound, which are not wanted

void by_confidence(SamplerOptions&) {}
void by_reverse_process(SamplerOptions& options) {
  options.unmask = UnmaskKind::kAncestral;
  options.grid = TimeGridKind::kUniform;
}
void among_likeliest(SamplerOptions& options) { options.top_k = 50; }
void within_nucleus(SamplerOptions& options) { options.top_p = 0.9; }
void beside_likeliest(SamplerOptions& options) { options.min_p = 0.05; }
void by_entropy(SamplerOptions& options) { options.unmask = UnmaskKind::kEntropyBounded; }

constexpr std::array kTimedPolicies{
    TimedPolicy{"confidence", "maskgit", by_confidence}, TimedPolicy{"ancestral", "ancestral", by_reverse_process},
    TimedPolicy{"top-k", "top-k", among_likeliest},      TimedPolicy{"top-p", "top-p", within_nucleus},
    TimedPolicy{"min-p", "min-p", beside_likeliest},     TimedPolicy{"entropy-bounded", "entropy-bounded", by_entropy}};

void check_reference(const BenchSampleOptions& options) {
  if (parse_enum<SamplePeer>(options.reference, "command line", "--reference") == SamplePeer::kSample) return;
  const std::int64_t side = side_of_square(options.wanted);
  if (side * side != options.wanted) {
    throw InputError("command line", "--wanted", "must be a square, for diffusers' pipeline makes square pictures");
  }
  for (const std::string& policy : options.policies) {
    if (policy == "confidence") continue;
    throw InputError("command line", "--policy", "diffusers' pipeline samples by confidence, not by " + policy);
  }
}

// Ids as many as the reference has, those of the page after the others.
CanvasSchema make_bench_schema(const BenchSampleOptions& options) {
  std::vector<Role> roles;
  if (options.given > 0) roles.push_back({"caption", text_layout(options.given), false});
  roles.push_back({"page", text_layout(options.wanted, "image"), false});
  return CanvasSchema(std::move(roles), Vocabulary({{"text", {kOtherIds}}, {"image", {options.ids}}}));
}

}  // namespace

BenchSampleOptions::BenchSampleOptions() {
  machine.device = "cpu";
  machine.dtype = ComputeType::kBf16;
}

void BenchSampleOptions::validate() const {
  find_bench_preset(preset);
  for (const std::string& policy : policies) find_timed_policy(policy);
  for (const std::int64_t batch : batches) {
    if (batch < 1) throw InputError("command line", "--batch", "must be at least 1");
  }
  if (given < 0) throw InputError("command line", "--given", "must not be negative");
  if (guided && given < 1)
    throw InputError("command line", "--given", "must be at least 1 for the rows with guidance; or say --unguided");
  const std::pair<const char*, std::int64_t> counts[] = {
      {"--wanted", wanted}, {"--ids", ids}, {"--steps", steps}, {"--repeats", repeats}};
  for (const auto& [flag, count] : counts) {
    if (count < 1) throw InputError("command line", flag, "must be at least 1");
  }
  if (machine.device != "cpu") throw InputError("command line", "--device", "must be cpu: all sides are timed there");
  if (!alone) check_reference(*this);
}

std::int64_t side_of_square(std::int64_t positions) { return std::llround(std::sqrt(static_cast<double>(positions))); }

const TimedPolicy& find_timed_policy(const std::string& name) {
  std::vector<std::string> names;
  for (const TimedPolicy& policy : kTimedPolicies) {
    if (name == policy.name) return policy;
    names.emplace_back(policy.name);
  }
  throw InputError("command line", "--policy", "unknown policy '" + name + "'" + suggest(name, names));
}

double SampleTimes::own_share() const { return spread_of(own_ms).median / spread_of(model_ms).median; }

BenchSampling::BenchSampling(const BenchSampleOptions& options, const Machine& machine)
    : options_(options), schema_(make_bench_schema(options)) {
  auto transformer =
      std::make_shared<Transformer>(bench_transformer(find_bench_preset(options.preset)), schema_, RandomKey::root(1));
  transformer->set_compute_type(machine.dtype);
  parameters_ = transformer->parameters().count();
  denoiser_ = std::make_shared<TimedDenoiser>(transformer);
}

// The first sampling warms up; memory that is new to the process is its own.
SampleTimes BenchSampling::run(const SampleRun& run) {
  SamplerOptions options;
  options.steps = options_.steps;
  options.guidance = run.guidance;
  run.policy.set(options);
  const Sampler sampler({denoiser_, schema_, bench_diffusion(), c10::DeviceType::CPU, run.batch}, options);
  const TokenCanvas canvas = start(run.batch);
  SampleTimes times;
  const MemoryGauge gauge;
  for (std::int64_t repeat = 0; repeat <= options_.repeats; ++repeat) {
    denoiser_->take_seconds();
    const Stopwatch watch;
    sampler.run(canvas, sample_keys(7, 0, run.batch), [](std::int64_t) { stop_if_interrupted(); });
    const double a_step = 1e3 / static_cast<double>(options_.steps);
    const double step_ms = watch.seconds() * a_step, model_ms = denoiser_->take_seconds() * a_step;
    if (repeat == 0) {
      times.peak_bytes = gauge.bytes();
      continue;
    }
    times.step_ms.push_back(step_ms);
    times.model_ms.push_back(model_ms);
    times.own_ms.push_back(step_ms - model_ms);
  }
  return times;
}

TokenCanvas BenchSampling::start(std::int64_t batch) const {
  std::vector<Document> documents(static_cast<std::size_t>(batch));
  for (Document& document : documents) {
    if (options_.given == 0) continue;
    document.roles["caption"].ids_L = at::arange(options_.given, at::kLong).remainder(kOtherIds);
    document.roles["caption"].frozen = true;
  }
  return build_canvas(schema_, documents);
}

}  // namespace palimpsest
