// Where a training step's time and memory go.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/training/options.h"
#include "experiments/training/task.h"

namespace palimpsest {

// One operation over all profiled steps. Its own time and memory are without those of what it calls.
struct ProfileRow {
  std::string name;
  std::int64_t calls = 0;
  double own_ms = 0, own_share = 0;  // a step; of the wall time of the steps
  double allocated_mb = 0;           // a step, in 2^20 bytes; what was freed is not taken off
};

struct Profile {
  std::int64_t steps = 0;
  double step_ms = 0;
  std::vector<ProfileRow> rows;  // the longest first
};

// Takes a few steps to warm up and `steps` more under the profiler, and writes them to `trace` as Chrome's trace events
// (chrome://tracing, ui.perfetto.dev). Steps are the run's first, on its own data; parameters move with them.
Profile profile_training(TrainingTask& task, const TrainingOptions& options, c10::ScalarType compute,
                         std::int64_t steps, const std::filesystem::path& trace);

}  // namespace palimpsest
