#include "backbone/kernels/adamw_loops.h"

#include "backbone/kernels/adamw_math.h"

namespace palimpsest::loops {

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
