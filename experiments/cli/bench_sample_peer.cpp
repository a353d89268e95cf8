#include "experiments/cli/bench_sample_peer.h"

#include <ATen/Parallel.h>

#include "base/errors.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

const char* script_of(SamplePeer peer) { return peer == SamplePeer::kSample ? "sample.py" : "diffusers_step.py"; }

double guidance_of(const PeerRow& row) { return row.at("guidance").is_number() ? row.at("guidance").get<double>() : 1; }

}  // namespace

std::vector<std::string> sample_peer_arguments(const BenchSampleOptions& options, const Machine& machine) {
  std::vector<std::string> arguments{"--preset",  options.preset,
                                     "--dtype",   compute_name(machine.dtype),
                                     "--threads", std::to_string(at::get_num_threads()),
                                     "--steps",   std::to_string(options.steps),
                                     "--caption", std::to_string(options.given),
                                     "--repeat",  std::to_string(options.repeats),
                                     "--batch"};
  for (const std::int64_t batch : options.batches) arguments.push_back(std::to_string(batch));
  if (!options.guided) arguments.emplace_back("--unguided");
  const auto add = [&arguments](std::initializer_list<std::string> more) { arguments.insert(arguments.end(), more); };
  if (parse_enum<SamplePeer>(options.reference, "command line", "--reference") == SamplePeer::kDiffusers) {
    add({"--side", std::to_string(side_of_square(options.wanted)), "--codes", std::to_string(options.ids),
         "--pipeline-only"});
    return arguments;
  }
  add({"--only", "image", "--image", std::to_string(options.wanted), "--ids", std::to_string(options.ids),
       "--samplers"});
  for (const std::string& policy : options.policies) arguments.emplace_back(find_timed_policy(policy).reference);
  return arguments;
}

SampleReference::SampleReference(const BenchSampleOptions& options, const Machine& machine)
    : options_(options),
      peer_(parse_enum<SamplePeer>(options.reference, "command line", "--reference")),
      rows_(PythonPeer(script_of(peer_)).rows(sample_peer_arguments(options, machine))) {}

std::string SampleReference::name(const TimedPolicy& policy) const {
  return std::string(script_of(peer_)) + (peer_ == SamplePeer::kSample ? std::string(" ") + policy.reference : "");
}

void SampleReference::check_shape(const PeerRow& row) const {
  const std::pair<const char*, std::int64_t> shape[] = {
      {"given", options_.given}, {"wanted", options_.wanted}, {"ids", options_.ids}};
  for (const auto& [name, asked] : shape) {
    if (static_cast<std::int64_t>(peer_figure(row, name)) == asked) continue;
    throw InputError(script_of(peer_), name, "it measured another shape than " + std::to_string(asked));
  }
}

ReferenceTimes SampleReference::times(const SampleRun& run) const {
  for (const PeerRow& row : rows_) {
    if (!row.contains("guidance") || row.value("batch", 0) != run.batch || guidance_of(row) != run.guidance) continue;
    if (row.value("sampler", run.policy.reference) != run.policy.reference) continue;
    check_shape(row);
    if (peer_ == SamplePeer::kDiffusers) return {peer_figure(row, "pipeline ms/step"), peer_figure(row, "uvit ms")};
    return {peer_figure(row, "ms/step"), peer_figure(row, "of it model")};
  }
  throw InputError(script_of(peer_), run.policy.name, "it printed no such row");
}

}  // namespace palimpsest
