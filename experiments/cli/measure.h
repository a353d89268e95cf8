// What measurements share: a clock, the middle of several figures and how far they spread, the matrix-product roof.
#pragma once

#include <c10/core/ScalarType.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/cli/facts.h"

namespace palimpsest {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

// Memory of the process from now on: what was freed is handed back first, and the highest resident set forgotten.
// Linux; elsewhere it tells 0.
class MemoryGauge {
 public:
  MemoryGauge();
  std::int64_t bytes() const;  // the highest resident set since, less what was resident at the beginning

 private:
  std::int64_t before_ = 0;
};

// The median of several figures, and the least and greatest of them. c10::Error for none.
struct Spread {
  double median = 0, low = 0, high = 0;
};
Spread spread_of(std::vector<double> figures);

// "bf16" or "fp32", as --dtype and the reference call it.
std::string compute_name(c10::ScalarType dtype);

// Waits until a GPU has done what it was given; a CPU has.
void finish(c10::Device device);

// The side of square products that keep a device busy, as the reference measures its roof.
inline std::int64_t roof_size(c10::Device device) { return device.is_cpu() ? 2048 : 8192; }

// FLOP/s of the best of `rounds` square products of `size`: what no program of such products can pass.
double product_flops(c10::ScalarType dtype, std::int64_t size, int rounds, c10::Device device = c10::kCPU);

// "NAME", "NAME_low" and "NAME_high", or null where nothing was measured.
void add_spread(Facts& facts, const std::string& name, const std::vector<double>& figures);

}  // namespace palimpsest
