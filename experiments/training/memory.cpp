#include "experiments/training/memory.h"

#include <c10/core/Allocator.h>

#include <algorithm>
#include <atomic>

#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "base/process_memory.h"
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

struct StepMemory {
  std::int64_t activations = 0;  // at the highest, with the gradients that are there by then
  std::int64_t later = 0;        // of a second micro-batch, beside the gradients of the first
  std::int64_t scratch = 0;      // of the optimizer's update
};

StepMemory measure_step(TrainingTask& task, Optimizer& optimizer) {
  MemoryMeter meter;
  const auto pass = [&task] {
    const LossReport report = task.loss({task.longest_step(), 0});
    if (report.loss.requires_grad()) report.loss.backward();
  };
  pass();
  StepMemory memory{meter.peak(), 0, 0};
  const std::int64_t gradients = meter.live();
  meter.forget_peak();
  pass();
  memory.later = meter.peak() - gradients;
  const std::int64_t before = meter.live();
  meter.forget_peak();
  optimizer.step(1.0);
  memory.scratch = meter.peak() - before;
  clear_gradients(task.parameters());
  return memory;
}

// Of a process that holds a part of the blocks: beside the activations it has, of others' parts, what is used, what is
// on its way and gradients that leave. Gradients of its own part come as activations go, unless an earlier micro-batch
// left them.
MemoryEstimate in_parts(const MemoryProbe& probe, const TaskRequest& request, std::int64_t activations) {
  const std::int64_t processes = request.num_processes();
  const std::int64_t others = 2 * probe.block * (processes - 1) / processes + probe.block;
  const std::int64_t resident = 2 * (probe.trained - probe.trained_blocks);  // gradients, and their buckets
  const std::int64_t own = probe.trained_blocks / processes;
  const std::int64_t before = request.training.micro_batches > processes ? own : 0;
  return {probe.program, probe.parameters - probe.blocks + probe.blocks / processes, probe.optimizer / processes,
          resident + std::max(activations + others + before, own + probe.scratch)};
}

double units_a_row(const TrainingTask& task, std::int64_t rows) {
  const std::map<std::string, double> units = task.units_a_step();
  const auto tokens = units.find("tokens");
  return tokens == units.end() ? 1.0 : tokens->second / static_cast<double>(rows);
}

}  // namespace

std::int64_t probe_rows(const TrainingOptions& training) {
  return std::min(kProbeRows, training.batch / training.micro_batches);
}

MemoryProbe probe_memory(const TaskMakers& makers, const TaskRequest& request, std::int64_t rows) {
  TaskRequest small{request.recipe, request.training, request.machine};
  small.training.batch = rows + rows % 2;  // documents may come in pairs
  small.training.micro_batches = 1;
  const std::unique_ptr<TrainingTask> task = make_task(makers, small);
  const ParameterSet& parameters = task->parameters();
  MemoryProbe probe;
  probe.rows = small.training.batch;
  probe.parameters = parameter_bytes(parameters, false);
  probe.trained = parameter_bytes(parameters, true);
  if (const Transformer* net = task->blocked_net()) {
    for (std::int64_t i = 0; i < net->num_blocks(); ++i) {
      const ParameterSet block = net->block_parameters(i);
      probe.blocks += parameter_bytes(block, false);
      probe.trained_blocks += parameter_bytes(block, true);
      probe.block = std::max(probe.block, parameter_bytes(block, false));
    }
  }
  probe.program = std::max<std::int64_t>(0, resident_bytes() - probe.parameters);
  probe.casts = request.machine.dtype == at::kFloat ? 0 : probe.parameters / 2;
  probe.units_a_row = units_a_row(*task, probe.rows);
  Optimizer optimizer(small.training, parameters, request.machine.dtype);
  for (const auto& [name, tensor] : optimizer.state()) probe.optimizer += bytes_of(tensor);
  const StepMemory step = measure_step(*task, optimizer);
  probe.activations = step.activations;
  probe.later = step.later;
  probe.scratch = step.scratch;
  return probe;
}

MemoryEstimate scale_memory(const MemoryProbe& probe, const TaskRequest& request) {
  const TrainingOptions& training = request.training;
  const std::int64_t processes = request.num_processes();
  const bool sharded = processes > 1 && training.shard_optimizer;
  const double scale = static_cast<double>(training.batch) / static_cast<double>(training.micro_batches * probe.rows);
  const auto scaled = [&](std::int64_t bytes) {
    const double rest = static_cast<double>(std::max<std::int64_t>(0, bytes - probe.casts));
    return probe.casts + static_cast<std::int64_t>(rest * scale);
  };
  if (processes > 1 && training.shard_parameters && probe.blocks > 0)
    return in_parts(probe, request, scaled(probe.later));
  std::int64_t forward_backward = scaled(probe.activations);
  if (training.micro_batches > processes)
    forward_backward = std::max(forward_backward, probe.trained + scaled(probe.later));
  MemoryEstimate estimate{probe.program, probe.parameters, probe.optimizer / (sharded ? processes : 1), 0};
  const std::int64_t buckets = processes > 1 ? probe.trained : 0;  // a sum's gradients lie in them
  const std::int64_t shared = sharded ? probe.trained : 0;         // changed parameters, on their way
  estimate.step = std::max(forward_backward + buckets, probe.trained + std::max(probe.scratch, shared));
  return estimate;
}

MemoryEstimate estimate_memory(const TaskMakers& makers, const TaskRequest& request) {
  return scale_memory(probe_memory(makers, request, probe_rows(request.training)), request);
}

}  // namespace palimpsest
