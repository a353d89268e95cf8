// How much memory training needs: what is known from shapes, and what a small micro-batch shows.
#pragma once

#include <c10/util/ThreadLocalDebugInfo.h>

#include <memory>

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
  std::shared_ptr<Counter> counter_;
  c10::DebugInfoGuard guard_;
};

// Bytes.
struct MemoryEstimate {
  std::int64_t program = 0;     // resident before the first step, parameters apart: libraries, data
  std::int64_t parameters = 0;  // float32, and the average as much again
  std::int64_t optimizer = 0;   // what it remembers
  std::int64_t step = 0;        // gradients and activations of a micro-batch, or an update's scratch: whichever is more
  std::int64_t total() const { return program + 2 * parameters + optimizer + step; }
};

// Builds the task with a batch of at most eight rows, takes the longest of its steps once, and scales the activations
// to the recipe's micro-batch. Needs the memory of the parameters and of that step.
MemoryEstimate estimate_memory(const TaskMakers& makers, const TaskRequest& request);

// Resident set of this process now, bytes; 0 where the system does not tell.
std::int64_t resident_bytes();

}  // namespace palimpsest
