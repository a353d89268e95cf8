// How fast a run goes: work units a second, and the share of what the machine's matrix products reach.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/energy.h"
#include "experiments/training/task.h"

namespace palimpsest {

// FLOP/s of a square matrix product here, the best of a few; about 20 ms on a CPU.
double product_roof(c10::ScalarType dtype, c10::Device device);

class SpeedGauge {
 public:
  // Of `processes` that share the task's steps evenly, each with a roof of its own.
  SpeedGauge(TrainingTask& task, c10::ScalarType compute, std::int64_t processes = 1,
             EnergyMeter energy = EnergyMeter());

  void step_done();

  // By name: "tokens" (or what the task counts) a second, and "mfu", the task's FLOP/s as a share of the roofs, where
  // the task counts its FLOPs. Means that forget older steps. Empty before the second step.
  std::map<std::string, double> figures();
  // The same for people: "31.2k tokens/s  MFU 44%".
  std::string note();

  // What the machine drew since the gauge was made; asked for now and then, so that no counter's turn is missed.
  EnergyMeter& energy() { return energy_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::map<std::string, double> units_;
  double flops_, roof_ = 0;  // of a process; the roof is measured when it is first asked for
  c10::ScalarType compute_;
  c10::Device device_;
  double seconds_a_step_ = 0;
  std::int64_t steps_ = 0;
  Clock::time_point last_;
  EnergyMeter energy_;
  double seconds_unread_ = 0;  // since its counters were read
};

}  // namespace palimpsest
