// training.memory_budget: how small a recipe's steps are cut so that they fit into the memory that a process may hold.
#pragma once

#include <optional>

#include "experiments/training/memory.h"

namespace palimpsest {

struct MemoryPlan {
  std::int64_t micro_batches = 1;      // of each process
  std::int64_t checkpoint_layers = 0;  // blocks that run again in the backward pass
  MemoryEstimate memory;               // of the two
};

// What a step costs more than one that is neither cut nor recomputed, as a share of it: a block that runs again adds a
// third of itself, and each micro-batch costs as much as some positions more, because weights are read and cast, and
// gradients added, once for each.
double memory_plan_cost(const MemoryPlan& plan, std::int64_t layers, double positions_a_part, bool on_gpu);

// The cheapest of the plans whose estimate stays within the budget; the recipe's own values are the least. Steps of few
// rows are measured for it, none of which is expected to need more than the budget. The request's micro_batches are
// those of all its processes. InputError naming what needs how much, and what to lower, when nothing fits; for scorers,
// whose loss compares the samples of a micro-batch.
MemoryPlan plan_memory(const TaskMakers& makers, const TaskRequest& request);

// Lays the plan over the recipe ([training] micro_batches, [backbone] checkpoint_layers). Without a budget nothing is
// done. `begun` is the recipe that a run was begun with: what was chosen then, for the same budget, is kept, and no
// plan is returned. Of several processes the first one plans for all.
std::optional<MemoryPlan> fit_memory(const TaskMakers& makers, TaskRequest& request, const toml::table* begun);

}  // namespace palimpsest
