// One draw from one row of log-probabilities: temperature, truncation, inverse distribution function.
#pragma once

#include <cstdint>
#include <span>

#include "pipelines/sampling/options.h"

namespace palimpsest {

struct Draw {
  std::int64_t id = 0;
  double log_prob = 0;  // of the id in the row as given: before temperature and truncation
};

// `uniform` in (0,1) picks the id whose interval of the cumulated distribution holds it, ids in ascending order.
// Temperature first, then the top_k likeliest (ties: the lower id), then the fewest of those whose probability reaches
// top_p (nucleus, arXiv 1904.09751). Temperature 0 takes the likeliest. c10::Error when no id has a finite
// log-probability.
Draw draw_id(std::span<const float> log_prob_V, const DrawOptions& options, double uniform);

}  // namespace palimpsest
