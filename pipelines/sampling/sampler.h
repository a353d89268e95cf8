// The one sampler loop: a canvas with masks in, a finished canvas out; a small policy decides what happens at each
// step.
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/random.h"
#include "pipelines/sampling/diffusion_model.h"
#include "pipelines/sampling/options.h"
#include "pipelines/sampling/policy.h"
#include "pipelines/sampling/trace.h"

namespace palimpsest {

struct SampleResult {
  TokenCanvas canvas;  // no masks left where the start had visible ones
  Trace trace;
};

class Sampler {
 public:
  // InputError for options that break their rules or name a role that the schema lacks.
  Sampler(DiffusionModel model, SamplerOptions options);
  // With a policy of the caller's own in place of the options' `unmask`.
  Sampler(DiffusionModel model, SamplerOptions options, std::unique_ptr<Policy> policy);

  // Writes every visible position of `start` that holds the mask id and is not frozen. The canvas's rows hold
  // model.schema's roles, or, by with_roles, some of them. One key a row; row b depends only on its own content and
  // keys[b]. Each step: denoiser, guidance, legality, constraint, policy (temperature, truncation, draw), then `end`
  // filling.
  // `on_step` hears of every step done, of run_steps() in all; it may throw to stop.
  SampleResult run(const TokenCanvas& start, std::span<const RandomKey> keys,
                   const std::function<void(std::int64_t)>& on_step = {}) const;
  std::int64_t run_steps(const TokenCanvas& start) const;

 private:
  // Writes into `rows`, at most model.rows of them.
  std::vector<TraceEvent> run_batch(TokenCanvas& rows, std::span<const RandomKey> keys,
                                    const std::function<void(std::int64_t)>& on_step) const;

  DiffusionModel model_;
  SamplerOptions options_;
  std::unique_ptr<Policy> policy_;
};

// The schema restricted to the roles that the canvas holds.
CanvasSchema schema_of(const CanvasSchema& schema, const TokenCanvas& canvas);

// Keys of samples first, first+1, ... of a seed.
std::vector<RandomKey> sample_keys(std::uint64_t seed, std::int64_t first, std::int64_t count);

}  // namespace palimpsest
