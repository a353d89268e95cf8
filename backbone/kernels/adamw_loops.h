// The loops of an AdamW step and of an average, over arrays of equal length. Compiled like the other loops.
#pragma once

#include <cstdint>

namespace palimpsest {

struct AdamWRates {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.0;
  double gradient_scale = 1.0;  // gradients count so many times
  double average_share = 0.0;   // average += share * (new value - average)
};

namespace loops {

struct AdamWArrays {
  float* value;
  const float* gradient;
  float *first, *second;  // moments
  float* average;         // of values; may be null
};

struct AdamWFactors {
  float gradient_scale;
  float beta1, beta2;
  float kept;         // of a value: 1 - rate * decay
  float rate;         // rate / (1 - beta1^n)
  float second_root;  // 1 / sqrt(1 - beta2^n)
  float epsilon;
  float average_share;  // of the way that the average goes to the new value
};

// Entries [begin, end).
void adamw(const AdamWArrays& arrays, const AdamWFactors& factors, std::int64_t begin, std::int64_t end);

// average += share * (value - average), the bits that adamw gives.
struct AverageArrays {
  const float* value;
  float* average;
};
void move_average(const AverageArrays& arrays, float share, std::int64_t begin, std::int64_t end);

}  // namespace loops

}  // namespace palimpsest
