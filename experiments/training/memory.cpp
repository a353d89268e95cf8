#include "experiments/training/memory.h"

#include <c10/core/Allocator.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>

#include "base/errors.h"
#include "base/progress.h"
#include "experiments/training/average.h"
#include "experiments/training/optimizer.h"

namespace palimpsest {

class MemoryMeter::Counter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
    const std::int64_t now = live_ += bytes;
    std::int64_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::atomic<std::int64_t> live_ = 0, peak_ = 0;
};

MemoryMeter::MemoryMeter()
    : counter_(std::make_shared<Counter>()), guard_(c10::DebugInfoKind::PROFILER_STATE, counter_) {}

std::int64_t MemoryMeter::live() const { return counter_->live_; }
std::int64_t MemoryMeter::peak() const { return counter_->peak_; }
void MemoryMeter::forget_peak() { counter_->peak_ = counter_->live_.load(); }

namespace {

constexpr std::int64_t kProbeRows = 8;

std::int64_t bytes_of(const at::Tensor& tensor) { return static_cast<std::int64_t>(tensor.nbytes()); }

std::int64_t parameter_bytes(const ParameterSet& parameters, bool trained_only) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : parameters.items()) {
    if (tensor.requires_grad() || !trained_only) bytes += bytes_of(tensor);
  }
  return bytes;
}

// Rows whose memory is measured: as many as a micro-batch has, but few.
std::int64_t probe_rows(const TrainingOptions& training) {
  return std::min(kProbeRows, training.batch / training.micro_batches);
}

struct StepMemory {
  std::int64_t activations = 0;  // at the highest, with the gradients that are there by then
  std::int64_t scratch = 0;      // of the optimizer's update
};

StepMemory measure_step(TrainingTask& task, Optimizer& optimizer) {
  MemoryMeter meter;
  const LossReport report = task.loss({task.longest_step(), 0});
  if (report.loss.requires_grad()) report.loss.backward();
  StepMemory memory{meter.peak(), 0};
  const std::int64_t before = meter.live();
  meter.forget_peak();
  optimizer.step(1.0);
  memory.scratch = meter.peak() - before;
  clear_gradients(task.parameters());
  return memory;
}

}  // namespace

MemoryEstimate estimate_memory(const TaskMakers& makers, const TaskRequest& request) {
  const std::int64_t rows = probe_rows(request.training);
  const double scale =
      static_cast<double>(request.training.batch) / static_cast<double>(request.training.micro_batches * rows);
  TaskRequest small = request;
  small.training.batch = rows;
  small.training.micro_batches = 1;
  const std::unique_ptr<TrainingTask> task = make_task(makers, small);
  const ParameterSet& parameters = task->parameters();
  MemoryEstimate estimate;
  estimate.parameters = parameter_bytes(parameters, false);
  estimate.program = std::max<std::int64_t>(0, resident_bytes() - estimate.parameters);
  Optimizer optimizer(small.training, parameters, request.machine.dtype);
  for (const auto& [name, tensor] : optimizer.state()) estimate.optimizer += bytes_of(tensor);
  const StepMemory step = measure_step(*task, optimizer);
  const std::int64_t trained = parameter_bytes(parameters, true);
  // Weights cast for the products are there once, whatever the rows.
  const std::int64_t casts = request.machine.dtype == at::kFloat ? 0 : estimate.parameters / 2;
  const double rest = static_cast<double>(std::max<std::int64_t>(0, step.activations - casts));
  estimate.step = std::max(casts + static_cast<std::int64_t>(rest * scale), trained + step.scratch);
  return estimate;
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace palimpsest
