// BestOfSampler: of several candidates a sample, the one that tells most of what was given.
//
// Shapes: B rows, N candidates of all rows, L positions.
#pragma once

#include "pipelines/sampling/sampler.h"

namespace palimpsest {

// Draws as many candidates as the options ask for the roles that are made (the most among them), and keeps the one with
// the greatest log p(given | made), as a captioner may choose among pictures (reranking, DALL-E, arXiv 2102.12092). The
// model is its own judge, by the bound of scoring.h: best_of_draws draws, the same for all candidates. Where nothing is
// given whole nothing can be read back, and one sample is drawn.
//
// The choice among N draws x of a law q with scores s without ties has the law
//   P(x) = Q(s <= s(x))^N - Q(s < s(x))^N.
class BestOfSampler {
 public:
  // InputError as Sampler.
  BestOfSampler(DiffusionModel model, SamplerOptions options);

  // As Sampler::run, which this is where one candidate is asked for; the first candidate of a row is that sampler's own
  // sample. A row depends only on its content and key. The trace is that of the candidates that were kept.
  SampleResult run(const TokenCanvas& start, std::span<const RandomKey> keys,
                   const std::function<void(std::int64_t)>& on_step = {}) const;
  std::int64_t run_steps(const TokenCanvas& start) const;
  std::int64_t candidates(const TokenCanvas& start) const;  // of all rows
  void check(const TokenCanvas& start) const { sampler_.check(start); }

 private:
  DiffusionModel model_;
  SamplerOptions options_;
  Sampler sampler_;
};

}  // namespace palimpsest
