// How much memory training needs: what is known from shapes, and what a small micro-batch shows.
#pragma once

#include <c10/util/ThreadLocalDebugInfo.h>

#include <memory>

#include "base/torch_messages.h"
#include "experiments/training/task_factory.h"

namespace palimpsest {

// Counts the bytes that tensors take, on every device together, while it lives.
class MemoryMeter {
 public:
  MemoryMeter();
  std::int64_t live() const;  // taken since it began and not given back; memory from before is not seen
  std::int64_t peak() const;  // highest live() so far
  void forget_peak();         // from here on

 private:
  class Counter;
  QuietTorch quiet_;  // memory from before it began is no news
  std::shared_ptr<Counter> counter_;
  c10::DebugInfoGuard guard_;
};

// Bytes.
struct MemoryEstimate {
  std::int64_t program = 0;     // resident before the first step, parameters apart: libraries, data
  std::int64_t parameters = 0;  // float32, those that are kept between steps; the average as much again
  std::int64_t optimizer = 0;   // what it remembers
  std::int64_t step = 0;        // gradients and activations of a micro-batch, or an update's scratch: whichever is more
  std::int64_t total() const { return program + 2 * parameters + optimizer + step; }
  // What the device must hold: on a GPU the program lies elsewhere.
  std::int64_t held(const Machine& machine) const { return total() - (machine.device.is_cuda() ? program : 0); }
};

// What a step of few rows took, bytes.
struct MemoryProbe {
  std::int64_t rows = 0;
  std::int64_t program = 0, parameters = 0, trained = 0, optimizer = 0;
  std::int64_t blocks = 0, trained_blocks = 0, block = 0;  // of the parameters, what can lie in parts; the largest
  std::int64_t casts = 0;                                  // of weights for the products: there once, whatever the rows
  std::int64_t activations = 0;                            // at the highest, with the gradients that are there by then
  std::int64_t later = 0;    // the same of a second micro-batch, beside the gradients of the first
  std::int64_t scratch = 0;  // of the optimizer's update
  double units_a_row = 0;    // tokens, or samples where the task counts none
};

// Builds the task with a batch of `rows` (made even), takes the longest of its steps once. Needs the memory of the
// parameters and of that step.
MemoryProbe probe_memory(const TaskMakers& makers, const TaskRequest& request, std::int64_t rows);

// Rows that a probe takes: as many as a micro-batch of the request has, at most eight.
std::int64_t probe_rows(const TrainingOptions& training);

// The probe's activations scaled to the request's micro-batch. With several processes each holds buckets of the
// gradients, and its part of what is sharded.
MemoryEstimate scale_memory(const MemoryProbe& probe, const TaskRequest& request);

// scale_memory of a probe of probe_rows.
MemoryEstimate estimate_memory(const TaskMakers& makers, const TaskRequest& request);

}  // namespace palimpsest
