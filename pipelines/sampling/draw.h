// One draw from one row of log-probabilities: penalty, temperature, truncation, inverse distribution function.
#pragma once

#include <cstdint>
#include <span>

#include "pipelines/sampling/options.h"

namespace palimpsest {

struct Draw {
  std::int64_t id = 0;
  double log_prob = 0;  // of the id in the row as given: before penalty, temperature and truncation
};

// The top 53 of 64 random bits, in [0,1). Of the ids one number is kept a draw, not a noise an id: 32-bit Gumbel noise
// cuts off what is rarer than 1e-7 (arXiv 2409.02908).
inline double draw_uniform(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

// `uniform` in [0,1) picks the id whose interval of the cumulated distribution holds it, ids in ascending order.
// Repetition penalty first: the probabilities of the `repeated` ids (ascending) are raised to its power, CTRL's rule on
// log-probabilities (arXiv 1909.05858). Then temperature, the top_k likeliest (ties: the lower id), the fewest of those
// whose probability reaches top_p (nucleus, arXiv 1904.09751), and those at least min_p times as likely as the
// likeliest (arXiv 2407.01082). Temperature 0 takes the likeliest. c10::Error when no id has a finite log-probability.
Draw draw_id(std::span<const float> log_prob_V, const DrawOptions& options, double uniform,
             std::span<const std::int64_t> repeated = {});

}  // namespace palimpsest
