// Sweeps: the same recipe trained with every combination of some values.
#pragma once

#include <string>
#include <vector>

#include "experiments/training/run.h"

namespace palimpsest {

// --sweep training.learning_rate=1e-4,3e-4
struct SweepAxis {
  std::string key;
  std::vector<std::string> values;
};

// Commas inside quotes, brackets and braces do not part. InputError: not KEY=VALUE,VALUE,...
SweepAxis parse_sweep_axis(const std::string& text);

// One run of the sweep: NAME/sweep/KEY=VALUE,KEY=VALUE of the request's run, with these overrides after its own.
struct SweepRun {
  TrainRequest request;
  std::vector<std::string> values;  // one an axis
};

// The product of the axes, the last one fastest.
std::vector<SweepRun> sweep_runs(const TrainRequest& request, const std::vector<SweepAxis>& axes);

// Trains every run that is not done, and tells what became of each: {"runs": [{"values": {...}, "run": ..., "loss":
// ..., "validation": {...}}, ...], "best": index}. The loss is the mean of the validation figures, or of the log's last
// line without any. A run that fails is told with its "error", and the others go on.
nlohmann::json run_sweep(const TrainRequest& request, const std::vector<SweepAxis>& axes, const TaskMakers& makers);

// The same as a table for people, best first.
std::string sweep_table(const nlohmann::json& sweep);

}  // namespace palimpsest
