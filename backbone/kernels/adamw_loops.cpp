#include "backbone/kernels/adamw_loops.h"

#include <cmath>

#include "backbone/kernels/loop_math.h"

namespace palimpsest::loops {

namespace {

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

}  // namespace

PALIMPSEST_EACH_CPU void adamw(const AdamWArrays& arrays, const AdamWFactors& factors, std::int64_t begin,
                               std::int64_t end) {
  const AdamWArrays at = arrays;
  const AdamWFactors by = factors;
  if (!at.average) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) at.value[i] = adamw_value(at, by, i);
    return;
  }
  const Way way = way_of(by.average_share);
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float value = adamw_value(at, by, i);
    at.value[i] = value;
    at.average[i] = moved(at.average[i], value, way);
  }
}

PALIMPSEST_EACH_CPU void move_average(const AverageArrays& arrays, float share, std::int64_t begin, std::int64_t end) {
  const float* __restrict value = arrays.value;
  float* __restrict average = arrays.average;
  const Way way = way_of(share);
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) average[i] = moved(average[i], value[i], way);
}

}  // namespace palimpsest::loops
