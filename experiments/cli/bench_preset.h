// The sizes that speed is measured at: one table for this program and the reference beside it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer_options.h"
#include "experiments/training/options.h"

namespace palimpsest {

struct BenchPreset {
  std::string_view name;
  std::int64_t width, layers, heads;
  std::int64_t length = 320;       // positions of a row
  std::int64_t batch = 16;         // rows a step
  std::int64_t vocabulary = 5632;  // ids that are predicted
  std::int64_t checkpoint_layers = 0;
};

inline constexpr std::array kBenchPresets{BenchPreset{"tiny", 256, 6, 4}, BenchPreset{"small", 512, 8, 8},
                                          BenchPreset{"base", 768, 12, 12}};

// InputError with the nearest name for a preset that there is not.
const BenchPreset& find_bench_preset(const std::string& name);

// The reference's architecture, process and optimizer (tests/bench/peers): no norm of queries and keys, a head of its
// own, one time a row, the linear schedule, a mean over all tokens.
CanvasSchema bench_schema(const BenchPreset& preset);
TransformerOptions bench_transformer(const BenchPreset& preset);
DiffusionOptions bench_diffusion();
TrainingOptions bench_training(const BenchPreset& preset);

}  // namespace palimpsest
