// The one sampler loop: a canvas with masks in, a finished canvas out; a small policy decides what happens at each
// step.
//
// Shapes: B rows, L positions.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/random.h"
#include "pipelines/sampling/batch.h"
#include "pipelines/sampling/constraint.h"
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
  // InputError for options that break their rules, name a role that the schema lacks, leave it no legal id or need a
  // head that the denoiser lacks.
  Sampler(DiffusionModel model, SamplerOptions options);
  // With a policy of the caller's own in place of the options' `unmask` and `remask` (null: theirs), and a constraint
  // beside those of the options.
  Sampler(DiffusionModel model, SamplerOptions options, std::unique_ptr<Policy> policy,
          std::shared_ptr<const Constraint> constraint = nullptr);

  // Writes every visible position of `start` that holds the mask id and is not frozen. The canvas's rows hold
  // model.schema's roles, or, by with_roles, some of them. One key a row; row b depends only on its own content and
  // keys[b]. Each step: denoiser, guidance, legality, constraint, policy (temperature, truncation, draw), veto, then
  // `end` filling. InputError before any of it for steps that do not fit the roles, and for a constraint that leaves no
  // legal id; later only where a veto takes the last one.
  // `on_step` hears of every step done, of run_steps(rows) in all; it may throw to stop.
  SampleResult run(const TokenCanvas& start, std::span<const RandomKey> keys,
                   const std::function<void(std::int64_t)>& on_step = {}) const;
  std::int64_t run_steps(std::int64_t rows) const;

  // What run() refuses about a start, without running.
  void check(const TokenCanvas& start) const;

 private:
  // Writes into `rows`, at most model.rows of them.
  std::vector<TraceEvent> run_batch(TokenCanvas& rows, std::span<const RandomKey> keys,
                                    const std::function<void(std::int64_t)>& on_step) const;
  StepView make_view(Batch& batch, const Guidance& guidance, std::int64_t step, std::vector<RoleStep> pace) const;
  void add_log_probs(Batch& batch, const Guidance& guidance, StepView& view) const;
  void add_quality(const Batch& batch, StepView& view) const;
  Decision decide(const Batch& batch, StepView& view) const;

  DiffusionModel model_;
  SamplerOptions options_;
  std::unique_ptr<Policy> policy_;
  std::shared_ptr<const Constraint> constraint_;  // null: none
};

// Keys of samples first, first+1, ... of a seed.
std::vector<RandomKey> sample_keys(std::uint64_t seed, std::int64_t first, std::int64_t count);

}  // namespace palimpsest
