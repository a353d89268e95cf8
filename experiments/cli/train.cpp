// palimpsest train: any recipe of kind backbone, tokenizer or scorer; sweeps over recipes; the learning-rate finder.
#include <iostream>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/facts.h"
#include "experiments/cli/find_rate.h"
#include "experiments/evaluation/scorer_data.h"
#include "experiments/report/run_report.h"
#include "experiments/training/export.h"
#include "experiments/training/launch.h"
#include "experiments/training/sweep.h"

namespace palimpsest {

namespace {

struct TrainCommand {
  TrainRequest request;
  std::int64_t steps = 0, probe_steps = 0;
  std::string export_to, notice;
  std::vector<std::string> sweep;
  RateFinderOptions finder;
  bool dry_run = false, profile = false, json = false, find_rate = false;
};

std::string bytes_text(const nlohmann::json& bytes) { return human_count(bytes.get<double>()) + "B"; }

void print_plan(const nlohmann::json& plan) {
  std::cout << plan["recipe"].get<std::string>() << "\nrun         " << plan["run"].get<std::string>()
            << "\nparameters  " << plan["parameters"] << "\n";
  if (plan["trained_parameters"] != plan["parameters"])
    std::cout << "trained     " << plan["trained_parameters"] << "\n";
  std::cout << "steps       " << plan["steps"] << "\n";
  for (const auto& [unit, count] : plan["units_a_step"].items())
    std::cout << unit << " a step  " << human_count(count) << "\n";
  if (plan["flops_a_step"] > 0) std::cout << "FLOPs a step  " << human_count(plan["flops_a_step"]) << "\n";
  const nlohmann::json& memory = plan["memory_bytes"];
  std::cout << "memory      " << bytes_text(memory["total"]);
  if (plan["processes"] > 1) std::cout << " in each of " << plan["processes"] << " processes";
  const char* between = ": ";
  for (const char* part : {"program", "parameters", "average", "optimizer", "step"}) {
    std::cout << between << part << " " << bytes_text(memory[part]);
    between = ", ";
  }
  std::cout << "\n";
  if (plan.contains("memory_budget")) {
    const nlohmann::json& budget = plan["memory_budget"];
    std::cout << "budget      " << bytes_text(budget["bytes"]) << ": micro_batches " << budget["micro_batches"]
              << ", checkpoint_layers " << budget["checkpoint_layers"] << "\n";
  }
  if (plan.contains("expected_seconds")) {
    std::cout << "time        " << human_seconds(plan["expected_seconds"]) << ", "
              << plan["seconds_a_step"].get<double>() << " seconds a step\n";
  } else {
    std::cout << "time        --probe 4 takes four steps and tells it\n";
  }
}

void dry_run(const TrainCommand& command, const TaskMakers& makers) {
  const nlohmann::json plan = describe_training(command.request, makers, command.probe_steps);
  if (command.json) {
    std::cout << plan.dump(1) << "\n";
  } else {
    print_plan(plan);
  }
}

constexpr std::int64_t kProfiledSteps = 5;
constexpr std::size_t kShownRows = 30;

Facts profile_facts(const Profile& profile) {
  Facts rows = Facts::array();
  for (const ProfileRow& row : profile.rows) {
    if (rows.size() == kShownRows) break;
    rows.push_back({{"operation", row.name},
                    {"calls", row.calls},
                    {"own_ms", row.own_ms},
                    {"own_share", row.own_share},
                    {"allocated_mb", row.allocated_mb}});
  }
  return {{"steps", profile.steps},
          {"step_ms", profile.step_ms},
          {"peak_mb", static_cast<double>(peak_memory_bytes()) / (1 << 20)},
          {"operations", rows}};
}

void run_profile(const TrainCommand& command, const TaskMakers& makers) {
  print_facts(profile_facts(profile_recipe(command.request, makers, kProfiledSteps)), command.json);
  std::cerr << (run_directory(command.request) / "profile" / "trace.json").string()
            << ": open it in ui.perfetto.dev or chrome://tracing\n";
}

void sweep(const TrainCommand& command, const TaskMakers& makers) {
  std::vector<SweepAxis> axes;
  for (const std::string& axis : command.sweep) axes.push_back(parse_sweep_axis(axis));
  if (command.dry_run) {
    for (const SweepRun& run : sweep_runs(command.request, axes)) std::cout << run.request.run << "\n";
    return;
  }
  catch_interrupts();
  const nlohmann::json outcome = run_sweep(command.request, axes, makers);
  std::cout << (command.json ? outcome.dump(1) + "\n" : sweep_table(outcome));
}

void train(const TrainCommand& command, const TaskMakers& makers) {
  if (command.request.processes > 1 && !is_started_rank()) {
    load_training_recipe(command.request);  // what is wrong with it is said once
    throw SaidElsewhere(run_processes(command.request.processes));
  }
  catch_interrupts();
  const std::filesystem::path run = train_recipe(command.request, makers);
  if (rank_place_from_environment().rank > 0) return;
  write_run_report(run);
  const std::string notice = command.notice.empty() ? "" : read_file(command.notice);
  if (!command.export_to.empty()) export_run(run, command.export_to, notice);
  if (command.json) std::cout << run_summary(run).dump(1) << "\n";
}

void check_together(const TrainCommand& command) {
  const auto refuse = [](const char* flag, const char* rule) { throw InputError("command line", flag, rule); };
  if (!command.sweep.empty() && !command.export_to.empty()) refuse("--export", "is of one run, not of a sweep");
  if (!command.sweep.empty() && command.find_rate) refuse("--find-rate", "goes without --sweep");
  if (command.probe_steps > 0 && !command.dry_run) refuse("--probe", "is part of --dry-run");
  if (command.profile && (command.find_rate || !command.sweep.empty()))
    refuse("--profile", "goes without --sweep and --find-rate");
  if (command.probe_steps > 0 && command.request.processes > 1) refuse("--probe", "goes without --processes");
  if (command.request.processes > 1 && (command.find_rate || command.profile || !command.sweep.empty()))
    refuse("--processes", "goes without --sweep, --find-rate and --profile");
}

void run_train(TrainCommand& command, bool seed_given) {
  check_together(command);
  if (command.steps > 0) {
    command.finder.steps = command.steps;
    if (!command.find_rate) command.request.overrides.push_back("training.steps=" + std::to_string(command.steps));
  }
  if (seed_given) command.request.overrides.push_back("training.seed=" + std::to_string(command.request.machine.seed));
  TaskMakers makers = basic_task_makers();
  makers["scorer"] = make_scorer_task;
  if (!command.sweep.empty()) {
    sweep(command, makers);
  } else if (command.find_rate) {
    find_and_plot_rate({command.request, command.finder, command.json, command.dry_run}, makers);
  } else if (command.dry_run) {
    dry_run(command, makers);
  } else if (command.profile) {
    run_profile(command, makers);
  } else {
    train(command, makers);
  }
}

}  // namespace

void add_train_command(CLI::App& program) {
  auto command = std::make_shared<TrainCommand>();
  CLI::App* app = program.add_subcommand("train", "train a backbone, a tokenizer or a scorer; resumes where it was");
  app->footer(
      "Examples:\n  palimpsest train emoji4 --run demo training.learning_rate=2e-3\n"
      "  palimpsest train emoji4 --dry-run --probe 8\n"
      "  palimpsest train emoji4 --find-rate\n"
      "  palimpsest train emoji4 --steps 500 --sweep training.learning_rate=1e-3,3e-3 --sweep training.seed=0,1");
  app->add_option("recipe", command->request.recipe, "path of a recipe, or a NAME under experiments/recipes")
      ->required();
  app->add_option("overrides", command->request.overrides, "table.key=value");
  app->add_option("--run,--out", command->request.run, "NAME under runs/, or a directory; default: the recipe's name");
  app->add_option("--steps", command->steps, "same as training.steps=N; of --find-rate, its own")
      ->check(CLI::PositiveNumber);
  app->add_option("--fit-seconds", command->request.fit_seconds,
                  "probe the speed and fix training.steps so that training takes about so long")
      ->check(CLI::PositiveNumber);
  app->add_option("--sweep", command->sweep,
                  "KEY=VALUE,VALUE,...: a run for each value, under runs/NAME/sweep; several make the product")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_flag(
      "--find-rate", command->find_rate,
      "let the learning rate grow from step to step, print the losses, plot them, suggest a rate; keep nothing");
  app->add_option("--lowest", command->finder.lowest, "learning rate that --find-rate begins with")
      ->capture_default_str();
  app->add_option("--highest", command->finder.highest, "learning rate that --find-rate ends with")
      ->capture_default_str();
  app->add_option("--export", command->export_to, "afterwards write what ships (average in bf16, tokenizers) there");
  app->add_option("--notice", command->notice, "file with the licences of the data, copied as NOTICE into the export");
  app->add_flag("--dry-run", command->dry_run,
                "print the resolved recipe, parameters, FLOPs a step and memory; write nothing");
  app->add_option("--probe", command->probe_steps, "with --dry-run: take so many steps, and tell the expected time")
      ->check(CLI::PositiveNumber);
  app->add_flag("--profile", command->profile,
                "train nothing: take a few steps, print where their time and memory went, write a trace of them");
  app->add_flag("--accept-changes", command->request.accept_changes,
                "go on with a recipe that differs from the run's own (steps, rates, data, but not the net)");
  app->add_option("--processes", command->request.processes,
                  "train in N processes on this machine (with --dry-run: plan for them); between machines: torchrun "
                  "--no-python, see docs/training.md")
      ->check(CLI::PositiveNumber);
  app->add_option("--join-seconds", command->request.join_seconds,
                  "how long the processes wait for each other at the start")
      ->check(CLI::PositiveNumber);
  app->add_option("--silence-seconds", command->request.silence_seconds,
                  "how long a process that stands still is waited for before the others end")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_flag("--json", command->json, "print what was done as JSON");
  add_options(*app, command->request.machine);
  app->callback([command, app] { run_train(*command, app->count("--seed") > 0); });
}

}  // namespace palimpsest
