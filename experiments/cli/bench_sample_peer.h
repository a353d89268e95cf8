// The Python references beside 'palimpsest bench sample'.
#pragma once

#include "experiments/cli/bench_peer.h"
#include "experiments/cli/bench_sampling.h"

namespace palimpsest {

inline constexpr double kReferenceGuidance = 3.0;  // the references' own

// What a reference says of the same work: milliseconds a step, and the network's part of them.
struct ReferenceTimes {
  double step_ms = 0, model_ms = 0;
};

class SampleReference {
 public:
  // Runs it with these options.
  SampleReference(const BenchSampleOptions& options, const Machine& machine);

  // "sample.py maskgit": what is beside a policy.
  std::string name(const TimedPolicy& policy) const;
  // InputError where it printed no such row, or measured other shapes.
  ReferenceTimes times(const SampleRun& run) const;

 private:
  void check_shape(const PeerRow& row) const;

  BenchSampleOptions options_;
  SamplePeer peer_;
  std::vector<PeerRow> rows_;
};

// What sample.py or diffusers_step.py is started with.
std::vector<std::string> sample_peer_arguments(const BenchSampleOptions& options, const Machine& machine);

}  // namespace palimpsest
