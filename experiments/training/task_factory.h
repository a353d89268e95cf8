// Makes the task that a recipe's kind asks for. Kinds of higher rooms are added by who knows them (the command line).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/distributed.h"
#include "base/machine.h"
#include "base/recipe.h"
#include "experiments/training/options.h"
#include "experiments/training/task.h"

namespace palimpsest {

struct TaskRequest {
  Recipe recipe;
  TrainingOptions training;
  Machine machine;
  std::shared_ptr<Peers> peers = std::make_shared<Peers>();  // that train together; each does its share of the parts
  std::int64_t planned_processes = 0;                        // of a plan that is made alone; 0: as many as the peers

  std::int64_t num_processes() const { return planned_processes > 0 ? planned_processes : peers->size(); }
};

using TaskMaker = std::function<std::unique_ptr<TrainingTask>(const TaskRequest&)>;
using TaskMakers = std::map<std::string, TaskMaker>;

// "backbone", "tokenizer" or "scorer". InputError when absent.
std::string recipe_kind(const Recipe& recipe);

// "backbone" and "tokenizer".
TaskMakers basic_task_makers();

// InputError for a kind that has no maker (nearest name suggested).
std::unique_ptr<TrainingTask> make_task(const TaskMakers& makers, const TaskRequest& request);

}  // namespace palimpsest
