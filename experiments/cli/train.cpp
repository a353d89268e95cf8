// palimpsest train: any recipe of kind backbone, tokenizer or scorer.
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/facts.h"
#include "experiments/evaluation/scorer_data.h"
#include "experiments/training/export.h"
#include "experiments/training/launch.h"
#include "experiments/training/run.h"

namespace palimpsest {

namespace {

struct TrainCommand {
  TrainRequest request;
  std::int64_t steps = 0, processes = 1;
  std::string export_to, notice;
  bool dry_run = false, profile = false, json = false;
};

void print_plan(const nlohmann::json& plan) {
  std::cout << plan["recipe"].get<std::string>() << "\nrun         " << plan["run"].get<std::string>()
            << "\nparameters  " << plan["parameters"] << "\nsteps       " << plan["steps"] << "\n";
  for (const auto& [unit, count] : plan["units_a_step"].items()) std::cout << unit << " a step  " << count << "\n";
  if (plan["flops_a_step"] > 0) std::cout << "FLOPs a step  " << plan["flops_a_step"] << "\n";
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

void run_train(TrainCommand& command, bool seed_given) {
  if (command.steps > 0) command.request.overrides.push_back("training.steps=" + std::to_string(command.steps));
  if (seed_given) command.request.overrides.push_back("training.seed=" + std::to_string(command.request.machine.seed));
  TaskMakers makers = basic_task_makers();
  makers["scorer"] = make_scorer_task;
  if (command.dry_run) {
    const nlohmann::json plan = describe_training(command.request, makers);
    if (command.json) {
      std::cout << plan.dump(1) << "\n";
    } else {
      print_plan(plan);
    }
    return;
  }
  if (command.profile) return run_profile(command, makers);
  if (command.processes > 1 && !is_started_rank()) {
    load_training_recipe(command.request);  // what is wrong with it is said once
    throw SaidElsewhere(run_processes(command.processes));
  }
  catch_interrupts();
  const std::filesystem::path run = train_recipe(command.request, makers);
  if (rank_place_from_environment().rank > 0) return;
  const std::string notice = command.notice.empty() ? "" : read_file(command.notice);
  if (!command.export_to.empty()) export_run(run, command.export_to, notice);
  if (command.json) std::cout << run_summary(run).dump(1) << "\n";
}

}  // namespace

void add_train_command(CLI::App& program) {
  auto command = std::make_shared<TrainCommand>();
  CLI::App* app = program.add_subcommand("train", "train a backbone, a tokenizer or a scorer; resumes where it was");
  app->footer("Example:\n  palimpsest train emoji4 --run demo training.learning_rate=2e-3");
  app->add_option("recipe", command->request.recipe, "path of a recipe, or a NAME under experiments/recipes")
      ->required();
  app->add_option("overrides", command->request.overrides, "table.key=value");
  app->add_option("--run,--out", command->request.run, "NAME under runs/, or a directory; default: the recipe's name");
  app->add_option("--steps", command->steps, "same as training.steps=N")->check(CLI::PositiveNumber);
  app->add_option("--fit-seconds", command->request.fit_seconds,
                  "probe the speed and fix training.steps so that training takes about so long")
      ->check(CLI::PositiveNumber);
  app->add_option("--export", command->export_to, "afterwards write what ships (average in bf16, tokenizers) there");
  app->add_option("--notice", command->notice, "file with the licences of the data, copied as NOTICE into the export");
  app->add_flag("--dry-run", command->dry_run, "print the resolved recipe, parameters and FLOPs a step; write nothing");
  app->add_flag("--profile", command->profile,
                "train nothing: take a few steps, print where their time and memory went, write a trace of them");
  app->add_flag("--accept-changes", command->request.accept_changes,
                "go on with a recipe that differs from the run's own (steps, rates, data, but not the net)");
  app->add_option("--processes", command->processes,
                  "train in N processes on this machine; between machines: torchrun --no-python, see docs/training.md")
      ->check(CLI::PositiveNumber);
  app->add_option("--join-seconds", command->request.join_seconds,
                  "how long the processes wait for each other at the start")
      ->check(CLI::PositiveNumber);
  app->add_flag("--json", command->json, "print what was done as JSON");
  add_options(*app, command->request.machine);
  app->callback([command, app] { run_train(*command, app->count("--seed") > 0); });
}

}  // namespace palimpsest
