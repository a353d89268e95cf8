// Loops over one row of log-probabilities: what a sampler asks of 32,000 ids at each of 1,000 positions. Compiled like
// the other loops.
//
// Shapes: V ids, in blocks of kIdsABlock of which the last may be shorter.
#pragma once

#include <cstdint>
#include <limits>

#include "backbone/kernels/loops.h"

namespace palimpsest::loops {

inline constexpr std::int64_t kIdsABlock = 256;
inline std::int64_t num_id_blocks(std::int64_t ids) { return (ids + kIdsABlock - 1) / kIdsABlock; }

// The last of the ids that are kept, the likeliest first and of equals the lower id first.
struct Cut {
  float value = -std::numeric_limits<float>::infinity();
  std::int32_t id = std::numeric_limits<std::int32_t>::max();
};

// log_prob = logits - log-sum-exp; log_prob_V may be the logits' own place.
void log_softmax_row(const float* logits_V, std::int64_t ids, float* log_prob_V);
void log_softmax_row(const Bf16* logits_V, std::int64_t ids, float* log_prob_V);

// The greatest value of each block.
void block_greatest(const float* values_V, std::int64_t ids, float* greatest);

// exp((value - highest) * sharpness) of the kept ids, 0 of others and of what is 87 nats below the highest.
struct Weighing {
  const float* values_V;
  float highest, sharpness;
  Cut cut;
};
// Of ids [begin, begin + count).
void weights(const Weighing& weighing, std::int64_t begin, std::int64_t count, float* weight);
// Sums by block.
void block_weights(const Weighing& weighing, std::int64_t ids, double* sums);

// Sum of -p log p.
double entropy(const float* log_prob_V, std::int64_t ids);

// The two greatest values; -inf for what is not there.
struct Greatest {
  float first, second;
};
Greatest two_greatest(const float* values_V, std::int64_t ids);

}  // namespace palimpsest::loops
