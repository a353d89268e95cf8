// How much faster several processes step than one, by the trainer's own exchange over the loopback interface.
#pragma once

#include "base/machine.h"
#include "experiments/cli/bench_preset.h"
#include "experiments/cli/facts.h"

namespace palimpsest {

struct ScalingRun {
  BenchPreset preset;          // its batch is that of all processes together
  std::int64_t processes = 2;  // each with machine.threads
  std::int64_t rounds = 3, steps = 10, warmup = 3;
  MachineOptions machine;
  bool shard_parameters = false;
};

// Of one of the processes, by torchrun's variables; all call it. In turn, one process takes the whole batch while the
// others wait, and all of them share it. What was measured is told in the first process; nothing in the others. The
// batch is a multiple of the processes.
Facts measure_scaling(const ScalingRun& run);

}  // namespace palimpsest
