// A run: its directory, its resolved recipe, and the promise that both belong together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/machine.h"
#include "base/recipe.h"
#include "experiments/training/options.h"
#include "experiments/training/task_factory.h"

namespace palimpsest {

struct TrainRequest {
  std::string recipe;                  // path or NAME
  std::string run;                     // NAME under runs/, or a path; "": the recipe's name
  std::vector<std::string> overrides;  // table.key=value
  MachineOptions machine;
  double fit_seconds = 0.0;  // fix training.steps so that training takes about so long; 0: as the recipe says
};

// A recipe read for training: every table known, [training] with all its defaults written out.
Recipe load_training_recipe(const TrainRequest& request);

// Where a request's run lies.
std::filesystem::path run_directory(const TrainRequest& request);

// Keys that differ between two tables, dotted, each with both values: "training.batch: 16 there, 32 here". Empty: the
// same.
std::vector<std::string> recipe_differences(const toml::table& there, const toml::table& here);

// Trains, resuming what the run directory holds. InputError when the run was begun with another recipe (naming the
// keys). Returns the run's directory.
std::filesystem::path train_recipe(const TrainRequest& request, const TaskMakers& makers);

// Gives a fresh task the weights of a checkpoint (training.start_from); "" leaves it as the seed drew it.
void begin_from(const std::string& checkpoint, TrainingTask& task);

// State of a run's newest checkpoint, and where both are.
nlohmann::json run_summary(const std::filesystem::path& run);

// What --dry-run tells: resolved recipe, parameters, units and FLOPs a step, memory; with probe steps also the time it
// will take.
nlohmann::json describe_training(const TrainRequest& request, const TaskMakers& makers, std::int64_t probe_steps = 0);

}  // namespace palimpsest
