// The one trainer: steps a task's parameters, logs, validates with the parameter average, saves, resumes.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/progress.h"
#include "experiments/training/average.h"
#include "experiments/training/checkpoint_writer.h"
#include "experiments/training/exchange.h"
#include "experiments/training/optimizer.h"
#include "experiments/training/options.h"
#include "experiments/training/run_log.h"
#include "experiments/training/speed_gauge.h"
#include "experiments/training/task.h"
#include "experiments/training/tensorboard_writer.h"

namespace palimpsest {

// What one step did.
struct StepReport {
  double loss = 0.0;                      // mean over micro-batches
  std::map<std::string, double> figures;  // mean over micro-batches
  double gradient_norm = 0.0;             // before clipping
  bool applied = false;                   // false: loss or gradient was not finite and the step was skipped
  bool stop = false;                      // a signal came, here or in another process
};

// Gradient of the whole batch, clipping, one optimizer update with the average that it carries. `position` is the step
// counted from 0. The processes of the exchange share the micro-batches, and report the same.
StepReport training_step(TrainingTask& task, Optimizer& optimizer, const TrainingOptions& options,
                         std::int64_t position, Exchange& exchange);
StepReport training_step(TrainingTask& task, Optimizer& optimizer, const TrainingOptions& options,
                         std::int64_t position);  // alone

// Training that cannot go on: nothing was finite for too long. The last batch is saved, and the message names it.
class Hopeless : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Where a run is written, and what it must write down.
struct RunPlace {
  std::filesystem::path directory;
  std::string recipe;                                        // text of the resolved recipe
  c10::ScalarType compute = c10::ScalarType::Float;          // of the matrix products
  std::shared_ptr<Peers> peers = std::make_shared<Peers>();  // that train it together; the first one writes
  std::filesystem::path powercap = "/sys/class/powercap";    // where the machine's energy counters are
  GpuEnergy gpus{};                                          // whose energy counts too
};

class Trainer {
 public:
  // Takes the run up where its newest whole checkpoint is. The task must outlive the trainer.
  // Of several processes each has a trainer, and all of them the same state; the first one writes.
  Trainer(TrainingTask& task, const TrainingOptions& options, RunPlace place);

  // Trains to options.steps. Throws Interrupted after saving when a signal came; Hopeless when
  // options.give_up_after steps in a row had no finite gradient. A finished run returns at once.
  TrainingState train();

  bool finished() const { return state_.step >= options_.steps; }
  const TrainingState& state() const { return state_; }
  const ParameterAverage& average() const { return average_; }
  const CheckpointWriter& writer() const { return writer_; }
  // Of this call of train(); nullptr before it.
  EnergyMeter* energy() { return gauge_ ? &gauge_->energy() : nullptr; }

 private:
  void resume(const std::filesystem::path& checkpoint);
  void open_logs();
  void after_step(const StepReport& report);
  [[noreturn]] void give_up();
  void log_window();
  void note_spent();  // time, energy, bytes: of this call and those before it, into the state
  bool validate();    // is it the best so far?
  bool note_best(const std::map<std::string, double>& figures);
  void sample();
  void save();
  KeepPolicy policy() const;
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  TrainingTask& task_;
  TrainingOptions options_;
  RunPlace place_;
  Exchange exchange_;
  Optimizer optimizer_;
  ParameterAverage average_;
  TrainingState state_;
  CheckpointWriter writer_;
  std::optional<RunLog> log_;                // in the first process
  std::optional<TensorBoardWriter> events_;  // likewise
  std::optional<Progress> progress_;         // likewise
  std::optional<SpeedGauge> gauge_;
  TrainingState before_;  // what was spent until this call
  double bytes_before_ = 0.0, bytes_logged_ = 0.0;
  std::int64_t logged_step_ = 0;
  std::int64_t skipped_in_a_row_ = 0, saved_step_ = -1;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Seconds a step takes, from `steps` steps after two to warm up; and seconds a validation takes. Parameters are as
// before.
struct Speed {
  double seconds_a_step = 0.0, seconds_a_validation = 0.0;
};
Speed measure_speed(TrainingTask& task, const TrainingOptions& options, c10::ScalarType compute, std::int64_t steps);

}  // namespace palimpsest
