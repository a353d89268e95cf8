// Checkpoints of a run: directories that are whole or not there, named after the steps done.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace palimpsest {

// What a checkpoint says besides its tensors (state.json).
struct TrainingState {
  std::int64_t step = 0;                             // steps done, skipped ones included
  std::int64_t updates = 0;                          // steps that changed the parameters
  std::int64_t skipped = 0;                          // steps whose gradient was not finite
  double seconds = 0.0;                              // spent training, for people
  double save_stall_seconds = 0.0;                   // of these, standing still for saves
  double sent_bytes = 0.0;                           // to other processes, by the first one
  std::optional<double> joules;                      // that the machine drew meanwhile, where it tells
  std::optional<double> gpu_joules;                  // of these, by GPUs
  std::string compute;                               // number type of the matrix products, which a resumed run keeps
  nlohmann::json window = nlohmann::json::object();  // sums since the log's last line
  nlohmann::json validation = nlohmann::json::object();  // figures of the last validation
  std::int64_t validated_step = -1;                      // and when it was
  std::optional<double> best;                            // best value so far of the figure that the recipe names
  bool operator==(const TrainingState&) const = default;
};
nlohmann::json to_json(const TrainingState& state);
TrainingState training_state(const nlohmann::json& json, const std::string& file);

using TensorMap = std::map<std::string, at::Tensor>;

struct CheckpointContent {
  TensorMap model, average, optimizer;
  TrainingState state;
  std::string recipe;                                               // text of recipe.toml
  std::function<void(const std::filesystem::path&)> save_extras{};  // writes what the kind of net needs besides
};

// runs/NAME/checkpoints/step-00001234
std::filesystem::path checkpoint_path(const std::filesystem::path& run, std::int64_t step);

// Writes model, ema and optimizer.safetensors, recipe.toml, extras, and last state.json with every file's hash; renames
// the whole into place. An existing whole checkpoint of the step is left as it is.
void write_checkpoint(const std::filesystem::path& run, CheckpointContent content);

// The same in two parts: the extras, which need the net as it is now, are written at once; what is returned writes the
// rest, from any thread. A checkpoint whose second part is never called does not exist.
std::function<void()> begin_checkpoint(const std::filesystem::path& run, CheckpointContent content);

// The newest checkpoint whose files agree with its state.json; damaged and half-written ones are passed over (named on
// stderr).
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& run);

// Why a checkpoint is not whole: "" when it is.
std::string checkpoint_damage(const std::filesystem::path& checkpoint);

// Tensors and state of a checkpoint (recipe and extras stay on the disk).
CheckpointContent read_checkpoint(const std::filesystem::path& checkpoint);

TrainingState read_checkpoint_state(const std::filesystem::path& checkpoint);

// Which checkpoints stay.
struct KeepPolicy {
  std::int64_t newest = 2;
  std::int64_t every = 0;  // steps whose multiples stay for ever; 0: none
  std::string best_by;     // validation figure whose best stays; "": none
  bool highest = false;    // is the best the highest?
};

// The step whose own validation has the best figure, among a run's checkpoints.
std::optional<std::int64_t> best_checkpoint(const std::filesystem::path& run, const KeepPolicy& policy);

// Removes those that the policy does not keep.
void prune_checkpoints(const std::filesystem::path& run, const KeepPolicy& policy);

}  // namespace palimpsest
