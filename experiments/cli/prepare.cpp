// palimpsest prepare: media files to shards of token ids.
#include "datasets/prepare/prepare.h"

#include <iostream>

#include "base/interrupt.h"
#include "base/recipe.h"
#include "experiments/cli/commands.h"

namespace palimpsest {

namespace {

struct PrepareCommand {
  std::string recipe, out;
  std::vector<std::string> overrides;
  bool dry_run = false, json = false;
  MachineOptions machine;
};

nlohmann::json to_json(const PrepareReport& report) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [split, counts] : report) {
    json[split] = {{"kept", counts.kept},
                   {"failed", counts.failed},
                   {"filtered", counts.filtered},
                   {"shards", counts.shards},
                   {"already_there", counts.already_there}};
  }
  return json;
}

void print(const PrepareReport& report, const std::string& out) {
  for (const auto& [split, counts] : report) {
    std::cout << split << ": " << counts.kept << " samples in " << counts.shards << " shards";
    if (counts.failed > 0) std::cout << ", " << counts.failed << " unreadable";
    if (counts.filtered > 0) std::cout << ", " << counts.filtered << " beyond a bound";
    std::cout << (counts.already_there ? " (was there already)\n" : "\n");
  }
  std::cout << "what became of each sample: " << out << "/ledger.jsonl\n";
}

void run_prepare(const PrepareCommand& command) {
  catch_interrupts();
  const Recipe recipe = load_recipe(command.recipe, "prepare", command.overrides);
  const auto options = read_options<PrepareOptions>(recipe.table, recipe.file);
  if (command.dry_run) {
    std::cout << plan_preparation(options, command.out).dump(2) << "\n";
    return;
  }
  const PrepareReport report = prepare_data(options, command.out, resolve_machine(command.machine));
  if (command.json) {
    std::cout << to_json(report).dump(2) << "\n";
  } else {
    print(report, command.out);
  }
}

}  // namespace

void add_prepare_command(CLI::App& program) {
  auto options = std::make_shared<PrepareCommand>();
  CLI::App* command = program.add_subcommand("prepare", "turn a data set's files into shards of token ids")
                          ->footer(
                              "Example:\n  palimpsest prepare emoji4 --out data/emoji4\n"
                              "Killed or interrupted, the same command goes on where it was.");
  command->add_option("recipe", options->recipe, "a recipe's path, or its NAME under experiments/recipes/prepare")
      ->required();
  command->add_option("overrides", options->overrides, "settings as table.key=value");
  command->add_option("--out", options->out, "directory of the shards")->required();
  command->add_flag("--dry-run", options->dry_run, "check everything and say what would be done, write nothing");
  command->add_flag("--json", options->json, "print the report as JSON");
  add_options(*command, options->machine);
  command->callback([options] { run_prepare(*options); });
}

}  // namespace palimpsest
