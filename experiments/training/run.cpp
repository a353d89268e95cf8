#include "experiments/training/run.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/safetensors.h"
#include "experiments/training/freeze.h"
#include "experiments/training/memory.h"
#include "experiments/training/trainer.h"
#include "pipelines/model.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& known_tables() {
  static const std::vector<std::string> kNames{
      "kind",    "data",       "tokenizers", "tokenizer", "canvas",  "backbone",   "diffusion", "training",
      "sampler", "evaluation", "scorer",     "pictures",  "prepare", "curriculum", "lora",      "teacher"};
  return kNames;
}

std::string value_text(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

// Dotted key -> value of every leaf.
std::map<std::string, std::string> flatten(const toml::table& table) {
  std::map<std::string, std::string> flat;
  for (const auto& [key, node] : recipe_values(table)) flat[key] = value_text(*node);
  return flat;
}

// A recipe's NAME may lie under train/, tokenizers/ or (scorers) evaluate/; "tokenizers/NAME" says where.
Recipe load_any(const TrainRequest& request) {
  const fs::path named = recipe_root() / (request.recipe + ".toml");
  if (fs::exists(request.recipe) || !fs::exists(named)) {
    for (const char* folder : {"train", "tokenizers", "evaluate"}) {
      if (fs::exists(recipe_root() / folder / (request.recipe + ".toml"))) {
        return load_recipe(request.recipe, folder, request.overrides);
      }
    }
    return load_recipe(request.recipe, "train", request.overrides);
  }
  return load_recipe(named.string(), "train", request.overrides);
}

void set_steps(Recipe& recipe, std::int64_t steps) {
  recipe.table["training"].as_table()->insert_or_assign("steps", steps);
}

std::optional<toml::table> stored_recipe(const fs::path& directory) {
  const fs::path path = directory / "recipe.toml";
  if (!fs::exists(path)) return std::nullopt;
  try {
    return toml::parse(read_file(path));
  } catch (const toml::parse_error& error) {
    throw InputError(path.string(), "", std::string(error.description()));
  }
}

void refuse_differences(const fs::path& directory, const toml::table& stored, const toml::table& asked) {
  const std::vector<std::string> differences = recipe_differences(stored, asked);
  if (differences.empty()) return;
  std::string list = differences.front();
  for (std::size_t i = 1; i < differences.size(); ++i) list += "; " + differences[i];
  throw InputError((directory / "recipe.toml").string(), "",
                   "the run was begun with another recipe (" + list + "); choose another --run, or remove this one");
}

// The number type a run was begun with, when it has a checkpoint and the person leaves the choice open.
void keep_compute_type(const fs::path& directory, const MachineOptions& asked, Machine& machine) {
  const auto checkpoint = newest_checkpoint(directory);
  if (!checkpoint || asked.dtype != ComputeType::kAuto) return;
  const std::string compute = read_checkpoint_state(*checkpoint).compute;
  machine.dtype = compute == c10::toString(at::kBFloat16) ? at::kBFloat16 : at::kFloat;
}

// Known from the newest checkpoint alone, before any data is opened.
bool is_finished(const fs::path& directory, const Recipe& recipe) {
  const auto checkpoint = newest_checkpoint(directory);
  const auto steps = recipe.table["training"]["steps"].value<std::int64_t>();
  return checkpoint && read_checkpoint_state(*checkpoint).step >= *steps;
}

// ", 12.5 Wh (0.0038 at the recipe's price)", of this call alone; nothing where the machine does not tell.
std::string energy_note(std::optional<double> joules, double price) {
  if (!joules) return "";
  const double watt_hours = *joules / 3600;
  std::ostringstream note;
  note << std::setprecision(3) << ", " << watt_hours << " Wh";
  if (price > 0) note << " (" << watt_hours / 1000 * price << " at the recipe's price)";
  return note.str();
}

// Steps that fill the given seconds, validations included: S = n (step + validation / validate_every).
std::int64_t fitting_steps(const TaskRequest& task_request, const TaskMakers& makers, double seconds) {
  constexpr std::int64_t kProbeSteps = 8;
  const std::unique_ptr<TrainingTask> task = make_task(makers, task_request);
  const TrainingOptions& options = task_request.training;
  const Speed speed = measure_speed(*task, options, task_request.machine.dtype, kProbeSteps);
  const double every = options.validate_every > 0 ? static_cast<double>(options.validate_every) : 1e30;
  const double left = seconds - speed.seconds_a_validation;
  const auto steps = static_cast<std::int64_t>(left / (speed.seconds_a_step + speed.seconds_a_validation / every));
  std::cerr << 1.0 / speed.seconds_a_step << " steps a second: " << steps << " steps fit\n";
  if (steps <= options.warmup_steps) {
    throw InputError("command line", "--fit-seconds",
                     "too short: " + std::to_string(steps) + " steps fit, and " + std::to_string(options.warmup_steps) +
                         " are warm-up");
  }
  return steps;
}

}  // namespace

Recipe load_training_recipe(const TrainRequest& request) {
  Recipe recipe = load_any(request);
  for (const auto& [name, node] : recipe.table) {
    const auto& known = known_tables();
    if (std::find(known.begin(), known.end(), name.str()) == known.end()) {
      throw at_its_line(recipe, InputError(recipe.file, name.str(), "unknown table" + suggest(name.str(), known)));
    }
  }
  recipe.table.insert_or_assign("training", to_toml(recipe_options<TrainingOptions>(recipe, "training")));
  return recipe;
}

fs::path run_directory(const TrainRequest& request) {
  const std::string name = request.run.empty() ? fs::path(request.recipe).stem().string() : request.run;
  const bool is_path = name.find('/') != std::string::npos;
  return is_path ? fs::path(name) : fs::path("runs") / name;
}

std::vector<std::string> recipe_differences(const toml::table& there, const toml::table& here) {
  const std::map<std::string, std::string> old_values = flatten(there), new_values = flatten(here);
  std::vector<std::string> differences;
  for (const auto& [key, value] : old_values) {
    const auto found = new_values.find(key);
    const std::string now = found == new_values.end() ? "absent" : found->second;
    if (now != value) differences.push_back(key + ": " + value + " there, " + now + " here");
  }
  for (const auto& [key, value] : new_values) {
    if (!old_values.count(key)) differences.push_back(key + ": absent there, " + value + " here");
  }
  return differences;
}

fs::path train_recipe(const TrainRequest& request, const TaskMakers& makers) {
  Recipe recipe = load_training_recipe(request);
  const fs::path directory = run_directory(request);
  const std::optional<toml::table> stored = stored_recipe(directory);
  Machine machine = resolve_machine(request.machine);
  TaskRequest task_request{recipe, recipe_options<TrainingOptions>(recipe, "training"), machine};
  if (request.fit_seconds > 0) {  // a run keeps the steps that were fixed when it began
    const auto fixed = stored ? (*stored)["training"]["steps"].value<std::int64_t>() : std::nullopt;
    set_steps(recipe, fixed ? *fixed : fitting_steps(task_request, makers, request.fit_seconds));
  }
  if (stored) refuse_differences(directory, *stored, recipe.table);
  if (is_finished(directory, recipe)) {
    std::cerr << directory.string() << ": all steps were done before; nothing to do\n";
    return directory;
  }
  keep_compute_type(directory, request.machine, machine);
  task_request = {recipe, recipe_options<TrainingOptions>(recipe, "training"), machine};
  const std::unique_ptr<TrainingTask> task = make_task(makers, task_request);
  if (!newest_checkpoint(directory)) begin_from(task_request.training.start_from, *task);
  fs::create_directories(directory);  // not before the task: a recipe that it refuses begins no run
  if (!stored) write_file_atomically(directory / "recipe.toml", to_text(recipe.table));
  with_memory_advice(*task, task_request.training, [&] {
    Trainer trainer(*task, task_request.training, {directory, to_text(recipe.table), machine.dtype});
    trainer.train();
    std::cerr << directory.string() << ": " << trainer.state().step << " steps done"
              << energy_note(trainer.joules(), task_request.training.energy_price) << "\n";
  });
  return directory;
}

void begin_from(const std::string& checkpoint, TrainingTask& task) {
  if (!checkpoint.empty()) task.load_initial(weights_of(resolve_checkpoint(checkpoint)));
}

nlohmann::json run_summary(const fs::path& run) {
  const auto checkpoint = newest_checkpoint(run);
  nlohmann::json summary{{"run", run.string()}};
  if (!checkpoint) return summary;
  const TrainingState state = read_checkpoint_state(*checkpoint);
  summary.update({{"checkpoint", checkpoint->string()},
                  {"step", state.step},
                  {"skipped", state.skipped},
                  {"seconds", state.seconds},
                  {"peak_memory_bytes", peak_memory_bytes()},
                  {"compute", state.compute},
                  {"validation", state.validation}});
  return summary;
}

nlohmann::json describe_training(const TrainRequest& request, const TaskMakers& makers, std::int64_t probe_steps) {
  const Recipe recipe = load_training_recipe(request);
  const TaskRequest task_request{recipe, recipe_options<TrainingOptions>(recipe, "training"),
                                 resolve_machine(request.machine)};
  const TrainingOptions& training = task_request.training;
  const MemoryEstimate memory = estimate_memory(makers, task_request);
  const auto task = make_task(makers, task_request);
  nlohmann::json plan{{"run", run_directory(request).string()},
                      {"kind", recipe_kind(recipe)},
                      {"recipe", to_text(recipe.table)},
                      {"parameters", task->parameters().count()},
                      {"trained_parameters", trainable_count(task->parameters())},
                      {"units_a_step", task->units_a_step()},
                      {"flops_a_step", task->flops_a_step()},
                      {"steps", training.steps},
                      {"memory_bytes",
                       {{"program", memory.program},
                        {"parameters", memory.parameters},
                        {"average", memory.parameters},
                        {"optimizer", memory.optimizer},
                        {"step", memory.step},
                        {"total", memory.total()}}}};
  if (probe_steps > 0) {
    const Speed speed = measure_speed(*task, training, task_request.machine.dtype, probe_steps);
    const double every = training.validate_every > 0 ? static_cast<double>(training.validate_every) : 1e30;
    const double steps = static_cast<double>(training.steps);
    plan["seconds_a_step"] = speed.seconds_a_step;
    plan["expected_seconds"] =
        steps * speed.seconds_a_step + (1.0 + std::floor(steps / every)) * speed.seconds_a_validation;
  }
  return plan;
}

}  // namespace palimpsest
