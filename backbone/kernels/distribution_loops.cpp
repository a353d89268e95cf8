#include "backbone/kernels/distribution_loops.h"

#include <algorithm>
#include <cmath>

#include "backbone/kernels/loop_math.h"

namespace palimpsest::loops {

namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr float kFarthest = -87.0f;  // nats below the highest that still count
constexpr int kLanes = 16;

template <class N>
PALIMPSEST_INSIDE float greatest_of(const N* __restrict values, std::int64_t count) {
  float greatest = kNothing;
#pragma omp simd reduction(max : greatest)
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = load(values[i]);
    greatest = x > greatest ? x : greatest;
  }
  return greatest;
}

PALIMPSEST_INSIDE float weight_of(float nats_below) {
  const float weight = exponential(nats_below);
  return nats_below > kFarthest ? weight : 0.0f;
}

// In float within a block, in double over blocks.
template <class N>
PALIMPSEST_INSIDE double sum_of_exponentials(const N* __restrict values, std::int64_t count, float highest) {
  double sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += kIdsABlock) {
    const std::int64_t end = std::min(count, begin + kIdsABlock);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (std::int64_t i = begin; i < end; ++i) part += weight_of(load(values[i]) - highest);
    sum += static_cast<double>(part);
  }
  return sum;
}

template <class N>
PALIMPSEST_INSIDE void log_softmax_row_of(const N* logits, std::int64_t ids, float* out) {
  const float highest = greatest_of(logits, ids);
  const double sum = sum_of_exponentials(logits, ids, highest);
  const auto log_sum = static_cast<float>(static_cast<double>(highest) + std::log(sum));
#pragma omp simd
  for (std::int64_t i = 0; i < ids; ++i) out[i] = load(logits[i]) - log_sum;
}

PALIMPSEST_INSIDE void weights_of(const Weighing& weighing, std::int64_t begin, std::int64_t count,
                                  float* __restrict weight) {
  const float* __restrict values = weighing.values_V + begin;
  const auto first = static_cast<std::int32_t>(begin);
  const std::int32_t last = weighing.cut.id;
  const float cut = weighing.cut.value, highest = weighing.highest, sharpness = weighing.sharpness;
#pragma omp simd
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(count); ++i) {
    const float x = values[i], w = weight_of((x - highest) * sharpness);
    const bool kept = (x > cut) | ((x == cut) & (first + i <= last));
    weight[i] = kept ? w : 0.0f;
  }
}

PALIMPSEST_INSIDE float sum_of(const float* __restrict values, std::int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += values[i];
  return sum;
}

}  // namespace

PALIMPSEST_EACH_CPU void log_softmax_row(const float* logits_V, std::int64_t ids, float* log_prob_V) {
  log_softmax_row_of(logits_V, ids, log_prob_V);
}
PALIMPSEST_EACH_CPU void log_softmax_row(const Bf16* logits_V, std::int64_t ids, float* log_prob_V) {
  log_softmax_row_of(logits_V, ids, log_prob_V);
}

PALIMPSEST_EACH_CPU void block_greatest(const float* values_V, std::int64_t ids, float* greatest) {
  for (std::int64_t block = 0; block < num_id_blocks(ids); ++block) {
    const std::int64_t begin = block * kIdsABlock;
    greatest[block] = greatest_of(values_V + begin, std::min(kIdsABlock, ids - begin));
  }
}

PALIMPSEST_EACH_CPU void weights(const Weighing& weighing, std::int64_t begin, std::int64_t count, float* weight) {
  weights_of(weighing, begin, count, weight);
}

PALIMPSEST_EACH_CPU void block_weights(const Weighing& weighing, std::int64_t ids, double* sums) {
  float weight[kIdsABlock];
  for (std::int64_t block = 0; block < num_id_blocks(ids); ++block) {
    const std::int64_t begin = block * kIdsABlock, count = std::min(kIdsABlock, ids - begin);
    weights_of(weighing, begin, count, weight);
    sums[block] = static_cast<double>(sum_of(weight, count));
  }
}

PALIMPSEST_EACH_CPU double entropy(const float* log_prob_V, std::int64_t ids) {
  double sum = 0;
  for (std::int64_t begin = 0; begin < ids; begin += kIdsABlock) {
    const std::int64_t end = std::min(ids, begin + kIdsABlock);
    float part = 0;
#pragma omp simd reduction(+ : part)
    for (std::int64_t i = begin; i < end; ++i) {
      const float x = log_prob_V[i];
      part -= x > kFarthest ? exponential(x) * x : 0.0f;
    }
    sum += static_cast<double>(part);
  }
  return sum;
}

PALIMPSEST_EACH_CPU Greatest two_greatest(const float* values_V, std::int64_t ids) {
  float first[kLanes], second[kLanes];
  std::fill(first, first + kLanes, kNothing);
  std::fill(second, second + kLanes, kNothing);
  std::int64_t begin = 0;
  for (; begin + kLanes <= ids; begin += kLanes) {
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) {
      const float x = values_V[begin + lane], less = x < first[lane] ? x : first[lane];
      second[lane] = second[lane] > less ? second[lane] : less;
      first[lane] = x > first[lane] ? x : first[lane];
    }
  }
  Greatest both{kNothing, kNothing};
  const auto take = [&both](float x) {
    both.second = std::max(both.second, std::min(both.first, x));
    both.first = std::max(both.first, x);
  };
  for (int lane = 0; lane < kLanes; ++lane) take(first[lane]);
  for (int lane = 0; lane < kLanes; ++lane) take(second[lane]);
  for (; begin < ids; ++begin) take(values_V[begin]);
  return both;
}

}  // namespace palimpsest::loops
