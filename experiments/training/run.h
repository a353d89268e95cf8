// A run: its directory, its resolved recipe, and the promise that both belong together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/machine.h"
#include "base/recipe.h"
#include "experiments/training/memory_budget.h"
#include "experiments/training/options.h"
#include "experiments/training/profile.h"
#include "experiments/training/task_factory.h"

namespace palimpsest {

struct TrainRequest {
  std::string recipe;                  // path or NAME
  std::string run;                     // NAME under runs/, or a path; "": the recipe's name
  std::vector<std::string> overrides;  // table.key=value
  MachineOptions machine;
  double join_seconds = 300;    // how long the processes of a group wait for each other at the start
  double silence_seconds = 20;  // how long one of them may give no sign of life
  bool accept_changes = false;  // a run goes on with a recipe that differs from its own
  std::int64_t processes = 1;   // that a plan (--dry-run) is made for
  double fit_seconds = 0.0;     // fix training.steps so that training takes about so long; 0: as the recipe says
};

// A recipe read for training: every table known, [training] with all its defaults written out.
Recipe load_training_recipe(const TrainRequest& request);

// The recipe with its memory budget, if it has one, turned into micro-batches and recomputed blocks; for as many
// processes as the request plans. micro_batches are those of all of them.
struct FittedRequest {
  TaskRequest task;
  std::optional<MemoryPlan> plan;
};
FittedRequest fitted_request(const TrainRequest& request, const TaskMakers& makers);

// Where a request's run lies.
std::filesystem::path run_directory(const TrainRequest& request);

// Trains, resuming what the run directory holds. InputError when the run was begun with another recipe (naming the
// keys) and changes are not accepted. One of several processes when torchrun's variables say so. Returns the run's
// directory.
std::filesystem::path train_recipe(const TrainRequest& request, const TaskMakers& makers);

// Gives a fresh task the weights of a checkpoint (training.start_from); "" leaves it as the seed drew it.
void begin_from(const std::string& checkpoint, TrainingTask& task);

// State of a run's newest checkpoint, and where both are.
nlohmann::json run_summary(const std::filesystem::path& run);

// Where the time and memory of a recipe's steps go; the trace is written to profile/trace.json in the run's directory.
// Steps begin at fresh weights; of the run nothing else is written.
Profile profile_recipe(const TrainRequest& request, const TaskMakers& makers, std::int64_t steps);

// What --dry-run tells: resolved recipe, parameters, units and FLOPs a step, memory; with probe steps also the time it
// will take.
nlohmann::json describe_training(const TrainRequest& request, const TaskMakers& makers, std::int64_t probe_steps = 0);

}  // namespace palimpsest
