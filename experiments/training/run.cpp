#include "experiments/training/run.h"

#include <ATen/Context.h>

#include <cmath>
#include <iostream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/safetensors.h"
#include "experiments/training/agreement.h"
#include "experiments/training/freeze.h"
#include "experiments/training/memory.h"
#include "experiments/training/out_of_memory.h"
#include "experiments/training/recipe_changes.h"
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

void set_steps(TaskRequest& request, std::int64_t steps) {
  request.training.steps = steps;
  request.recipe.table["training"].as_table()->insert_or_assign("steps", steps);
}

// With the defaults of keys of [training] that there were not yet when the run was begun.
std::optional<toml::table> stored_recipe(const fs::path& directory) {
  const fs::path path = directory / "recipe.toml";
  if (!fs::exists(path)) return std::nullopt;
  try {
    toml::table stored = toml::parse(read_file(path));
    toml::table training = to_toml(TrainingOptions{});
    if (const toml::table* said = stored["training"].as_table()) merge_tables(training, *said);
    stored.insert_or_assign("training", std::move(training));
    return stored;
  } catch (const toml::parse_error& error) {
    throw InputError(path.string(), "", std::string(error.description()));
  }
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

// Steps that fill the given seconds, validations included: S = n (step + validation / validate_every). Each process
// takes the steps of its own share alone.
std::int64_t fitting_steps(const TaskRequest& task_request, const TaskMakers& makers, double seconds) {
  constexpr std::int64_t kProbeSteps = 8;
  TaskRequest own{task_request.recipe, task_request.training, task_request.machine};
  own.training.batch /= task_request.peers->size();
  own.training.micro_batches /= task_request.peers->size();
  const std::unique_ptr<TrainingTask> task = make_task(makers, own);
  const TrainingOptions& options = own.training;
  const Speed speed = measure_speed(*task, options, task_request.machine.dtype, kProbeSteps);
  const double every = options.validate_every > 0 ? static_cast<double>(options.validate_every) : 1e30;
  const double left = seconds - speed.seconds_a_validation;
  const auto fitting = static_cast<std::int64_t>(left / (speed.seconds_a_step + speed.seconds_a_validation / every));
  const std::int64_t steps = std::stoll(task_request.peers->gather(std::to_string(fitting)).front());
  if (task_request.peers->first()) {
    std::cerr << 1.0 / speed.seconds_a_step << " steps a second: " << steps << " steps fit\n";
  }
  if (steps <= options.warmup_steps) {
    throw InputError("command line", "--fit-seconds",
                     "too short: " + std::to_string(steps) + " steps fit, and " + std::to_string(options.warmup_steps) +
                         " are warm-up");
  }
  return steps;
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

// On a machine with several GPUs each process takes its own.
MachineOptions machine_of_rank(MachineOptions options, const RankPlace& place) {
  if (place.size > 1 && (options.device == "cuda" || (options.device == "auto" && at::globalContext().hasCUDA()))) {
    options.device = "cuda:" + std::to_string(place.local_rank);
  }
  return options;
}

// The task of one of several processes sees the batch cut into the parts of all of them.
void share_batch(TaskRequest& request) {
  TrainingOptions& training = request.training;
  training.micro_batches *= request.num_processes();
  if (training.batch % training.micro_batches == 0) return;
  if (!request.peers->first()) throw SaidElsewhere(2);
  throw InputError(request.recipe.file, "training.batch",
                   "must be divisible by processes times micro_batches (" + std::to_string(training.micro_batches) +
                       "), got " + std::to_string(training.batch));
}

GpuEnergy gpus_of(const Machine& machine) {
  if (!machine.device.is_cuda()) return {};
  return GpuEnergy({machine.device.has_index() ? machine.device.index() : 0});
}

void make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw IoError(directory.string(), "", "cannot make the directory: " + error.message());
}

std::int64_t steps_of_run(const fs::path& directory) {
  const auto checkpoint = newest_checkpoint(directory);
  return checkpoint ? read_checkpoint_state(*checkpoint).step : 0;
}

void train_task(TrainingTask& task, const TrainingOptions& options, const RunPlace& place) {
  std::optional<Trainer> trainer;
  with_memory_advice("the optimizer", options, [&] { trainer.emplace(task, options, place); });
  const double begin = place.peers->bytes_sent();
  const std::int64_t first_step = trainer->state().step;
  with_memory_advice("a step of training", options, [&] { trainer->train(); });
  const double steps = static_cast<double>(trainer->state().step - first_step);
  if (place.peers->first()) {
    std::cerr << place.directory.string() << ": " << trainer->state().step << " steps done; "
              << trainer->writer().saves() << " checkpoints held training up for "
              << trainer->writer().stalled_seconds() << " s";
    EnergyMeter* const energy = trainer->energy();
    if (const auto joules = energy ? energy->joules() : std::nullopt)
      std::cerr << ", " << energy_text(*joules, energy->gpu_joules(), options.energy_price);
    std::cerr << "\n";
    if (!place.peers->alone()) {
      std::cerr << "each of " << place.peers->size() << " processes sent "
                << human_count((place.peers->bytes_sent() - begin) / steps) << " bytes a step\n";
    }
  }
  place.peers->barrier();  // the store stays until all are done
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
  if (toml::table* training = recipe.table["training"].as_table()) {  // bytes need no quotes
    if (const auto bytes = (*training)["memory_budget"].value_exact<std::int64_t>())
      training->insert_or_assign("memory_budget", std::to_string(*bytes));
  }
  recipe.table.insert_or_assign("training", to_toml(recipe_options<TrainingOptions>(recipe, "training")));
  return recipe;
}

fs::path run_directory(const TrainRequest& request) {
  const std::string name = request.run.empty() ? fs::path(request.recipe).stem().string() : request.run;
  const bool is_path = name.find('/') != std::string::npos;
  return is_path ? fs::path(name) : fs::path("runs") / name;
}

fs::path train_recipe(const TrainRequest& request, const TaskMakers& makers) {
  const Recipe recipe = load_training_recipe(request);
  const fs::path directory = run_directory(request);
  const std::optional<toml::table> stored = stored_recipe(directory);
  const RankPlace place = rank_place_from_environment();
  Machine machine = resolve_machine(machine_of_rank(request.machine, place));
  const PeerPatience patience{milliseconds_of(request.join_seconds), milliseconds_of(request.silence_seconds)};
  const auto peers = std::make_shared<Peers>(place, patience);
  keep_compute_type(directory, request.machine, machine);
  check_agreement(*peers, recipe.table, c10::toString(machine.dtype), directory);
  TaskRequest task_request{recipe, recipe_options<TrainingOptions>(recipe, "training"), machine, peers};
  share_batch(task_request);
  if (const auto plan = fit_memory(makers, task_request, stored ? &*stored : nullptr); plan && peers->first()) {
    std::cerr << "training.memory_budget: micro_batches " << plan->micro_batches << ", checkpoint_layers "
              << plan->checkpoint_layers << "\n";
  }
  if (request.fit_seconds > 0) {  // a run keeps the steps that were fixed when it began
    const auto fixed = stored ? (*stored)["training"]["steps"].value<std::int64_t>() : std::nullopt;
    set_steps(task_request, fixed ? *fixed : fitting_steps(task_request, makers, request.fit_seconds));
  }
  const toml::table& resolved = task_request.recipe.table;
  const bool changed = stored && settle_changes(directory, *stored, resolved, request.accept_changes);
  if (is_finished(directory, task_request.recipe)) {
    if (peers->first()) std::cerr << directory.string() << ": all steps were done before; nothing to do\n";
    return directory;
  }
  std::unique_ptr<TrainingTask> task;
  with_memory_advice("making the net", task_request.training, [&] { task = make_task(makers, task_request); });
  if (!newest_checkpoint(directory)) begin_from(task_request.training.start_from, *task);
  const std::int64_t steps_done = steps_of_run(directory);
  peers->barrier();  // nothing is written before all have read what is there
  if (peers->first()) {
    make_directory(directory);  // not before the task: a recipe that it refuses begins no run
    if (!stored) write_file_atomically(directory / "recipe.toml", to_text(resolved));
    if (changed) replace_recipe(directory, resolved, steps_done);
  }
  RunPlace run_place{directory, to_text(resolved), machine.dtype, peers};
  run_place.gpus = gpus_of(machine);
  train_task(*task, recipe_options<TrainingOptions>(task_request.recipe, "training"), run_place);
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
                  {"save_stall_seconds", state.save_stall_seconds},
                  {"peak_memory_bytes", peak_memory_bytes()},
                  {"compute", state.compute},
                  {"validation", state.validation}});
  if (state.joules) summary["joules"] = *state.joules;
  if (state.gpu_joules) summary["gpu_joules"] = *state.gpu_joules;
  if (state.sent_bytes > 0) summary["sent_bytes"] = state.sent_bytes;
  return summary;
}

Profile profile_recipe(const TrainRequest& request, const TaskMakers& makers, std::int64_t steps) {
  const TaskRequest task_request = fitted_request(request, makers).task;
  const std::unique_ptr<TrainingTask> task = make_task(makers, task_request);
  const fs::path directory = run_directory(request) / "profile";
  fs::create_directories(directory);
  return profile_training(*task, task_request.training, task_request.machine.dtype, steps, directory / "trace.json");
}

FittedRequest fitted_request(const TrainRequest& request, const TaskMakers& makers) {
  const Recipe recipe = load_training_recipe(request);
  TaskRequest task{recipe, recipe_options<TrainingOptions>(recipe, "training"), resolve_machine(request.machine)};
  task.planned_processes = request.processes;
  share_batch(task);
  const std::optional<MemoryPlan> plan = fit_memory(makers, task, nullptr);
  return {std::move(task), plan};
}

nlohmann::json describe_training(const TrainRequest& request, const TaskMakers& makers, std::int64_t probe_steps) {
  const auto [task_request, fitted] = fitted_request(request, makers);
  const Recipe& recipe = task_request.recipe;
  const TrainingOptions& training = task_request.training;
  const MemoryEstimate memory = fitted ? fitted->memory : estimate_memory(makers, task_request);
  const auto task = make_task(makers, task_request);
  nlohmann::json plan{{"run", run_directory(request).string()},
                      {"kind", recipe_kind(recipe)},
                      {"recipe", to_text(recipe.table)},
                      {"parameters", task->parameters().count()},
                      {"trained_parameters", trainable_count(task->parameters())},
                      {"units_a_step", task->units_a_step()},
                      {"flops_a_step", task->flops_a_step()},
                      {"steps", training.steps},
                      {"processes", request.processes},
                      {"memory_bytes",
                       {{"program", memory.program},
                        {"parameters", memory.parameters},
                        {"average", memory.parameters},
                        {"optimizer", memory.optimizer},
                        {"step", memory.step},
                        {"total", memory.total()}}}};
  if (fitted) {
    plan["memory_budget"] = {{"bytes", training.budget_bytes()},
                             {"micro_batches", fitted->micro_batches},
                             {"checkpoint_layers", fitted->checkpoint_layers}};
  }
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
