// What 'palimpsest bench sample' measures of this program: sampler steps of a network with random weights.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/machine.h"
#include "modalities/canvas/canvas.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

// Which reference is set beside it.
enum class SamplePeer { kSample, kDiffusers };
constexpr auto enum_names(SamplePeer) {
  return std::array{std::pair{SamplePeer::kSample, "sample"}, std::pair{SamplePeer::kDiffusers, "diffusers"}};
}

struct BenchSampleOptions {
  std::string preset = "tiny";
  std::vector<std::string> policies = {"confidence", "ancestral"};
  std::vector<std::int64_t> batches = {1, 8};
  std::int64_t given = 64, wanted = 256, ids = 512, steps = 16, repeats = 3;
  bool guided = true, alone = false, json = false;
  std::string reference = "sample";
  MachineOptions machine;

  BenchSampleOptions();
  // InputError at the flag: what cannot be, and what the reference cannot do alike.
  void validate() const;
};

// A way to sample that is timed.
struct TimedPolicy {
  const char* name;
  const char* reference;  // what sample.py calls it
  void (*set)(SamplerOptions& options);
};
// Of so many positions in a square: the nearest whole number to their root.
std::int64_t side_of_square(std::int64_t positions);

// InputError with the nearest name.
const TimedPolicy& find_timed_policy(const std::string& name);

struct SampleRun {
  const TimedPolicy& policy;
  std::int64_t batch = 1;
  double guidance = 1;
};

struct SampleTimes {
  std::vector<double> step_ms, model_ms, own_ms;  // one a repeat; own is what the network leaves
  std::int64_t peak_bytes = 0;                    // of a sampling: resident memory beyond what was there before

  double own_share() const;  // of the network's time
};

class TimedDenoiser;

// A network over ids that are given and a page that is wanted, in the vocabulary of the reference.
class BenchSampling {
 public:
  BenchSampling(const BenchSampleOptions& options, const Machine& machine);

  SampleTimes run(const SampleRun& run);

  std::int64_t parameters() const { return parameters_; }
  std::int64_t vocabulary() const { return schema_.vocabulary().size() - kFirstModalityId; }
  // float32, at every wanted position over its legal ids.
  std::int64_t logits_bytes(std::int64_t batch) const { return 4 * batch * options_.wanted * options_.ids; }

 private:
  TokenCanvas start(std::int64_t batch) const;

  BenchSampleOptions options_;
  CanvasSchema schema_;
  std::shared_ptr<TimedDenoiser> denoiser_;
  std::int64_t parameters_ = 0;
};

}  // namespace palimpsest
