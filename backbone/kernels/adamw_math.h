// The mathematics of an AdamW step, for the loops and for a GPU.
#pragma once

#include <cmath>

#include "backbone/kernels/adamw_loops.h"
#include "backbone/kernels/loop_math.h"

namespace palimpsest::loops {

// For the update that is a parameter's `steps`-th.
PALIMPSEST_INSIDE AdamWFactors adamw_factors(const AdamWRates& rates, double steps) {
  return {static_cast<float>(rates.gradient_scale),
          static_cast<float>(rates.beta1),
          static_cast<float>(rates.beta2),
          static_cast<float>(1.0 - rates.learning_rate * rates.weight_decay),
          static_cast<float>(rates.learning_rate / (1.0 - std::pow(rates.beta1, steps))),
          static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(rates.beta2, steps))),
          static_cast<float>(rates.epsilon),
          static_cast<float>(rates.average_share)};
}

// From the nearer end, so that an average that goes all the way is the value itself.
struct Way {
  bool from_average;
  float share;
};
PALIMPSEST_INSIDE Way way_of(float share) { return share < 0.5f ? Way{true, share} : Way{false, share - 1.0f}; }
PALIMPSEST_INSIDE float moved(float average, float value, const Way& way) {
  return (way.from_average ? average : value) + way.share * (value - average);
}

PALIMPSEST_INSIDE float adamw_value(const AdamWArrays& arrays, const AdamWFactors& factors, std::int64_t i) {
  const float gradient = arrays.gradient[i] * factors.gradient_scale;
  const float first = arrays.first[i] + (1.0f - factors.beta1) * (gradient - arrays.first[i]);
  const float second = factors.beta2 * arrays.second[i] + (1.0f - factors.beta2) * gradient * gradient;
  arrays.first[i] = first;
  arrays.second[i] = second;
  return arrays.value[i] * factors.kept -
         factors.rate * first / (std::sqrt(second) * factors.second_root + factors.epsilon);
}

}  // namespace palimpsest::loops
