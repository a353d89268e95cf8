// Memory that could not be had, in words that help.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "experiments/training/options.h"

namespace palimpsest {

// Says what needed how much, how much the process already held, and what to lower (exit code 1).
class OutOfMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Runs the action; an allocation that fails in it becomes OutOfMemory. `what` names the action ("the net", "a step").
void with_memory_advice(const std::string& what, const TrainingOptions& options, const std::function<void()>& action);

}  // namespace palimpsest
