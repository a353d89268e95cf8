// palimpsest prepare: media files to shards of token ids.
#include "datasets/prepare/prepare.h"

#include <ATen/Parallel.h>

#include <iostream>
#include <sstream>

#include "base/interrupt.h"
#include "base/recipe.h"
#include "datasets/prepare/merge.h"
#include "datasets/prepare/plan.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/facts.h"

namespace palimpsest {

namespace {

struct PrepareCommand {
  std::string recipe, out, part = "1/1";
  std::vector<std::string> overrides, merge;  // merge: OUT PART...
  bool dry_run = false, json = false;
  MachineOptions machine;
};

nlohmann::json to_json(const PrepareReport& report) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [split, counts] : report) {
    json[split] = {{"inputs", counts.inputs()},       {"kept", counts.kept},
                   {"failed", counts.failed},         {"filtered", counts.filtered},
                   {"duplicates", counts.duplicates}, {"rules", counts.rules},
                   {"shards", counts.shards},         {"already_there", counts.already_there}};
  }
  return json;
}

void print(const PrepareReport& report, const std::string& out) {
  for (const auto& [split, counts] : report) {
    std::cout << split << ": " << counts.kept << " samples in " << counts.shards << " shards";
    if (counts.failed > 0) std::cout << ", " << counts.failed << " unreadable";
    for (const auto& [rule, count] : counts.rules) std::cout << ", " << count << " left out by " << rule;
    std::cout << (counts.already_there ? " (was there already)\n" : "\n");
  }
  std::cout << "what became of each sample: " << out << "/ledger.jsonl\n";
}

void tell(const PrepareReport& report, const std::string& out, bool json) {
  if (json) {
    std::cout << to_json(report).dump(2) << "\n";
  } else {
    print(report, out);
  }
}

// "2/8"
Part parse_part(const std::string& text) {
  std::istringstream in(text);
  Part part;
  char slash = 0;
  const bool read = static_cast<bool>(in >> part.index >> slash >> part.count) && slash == '/' && in.peek() == EOF;
  if (!read || part.index < 1 || part.index > part.count)
    throw InputError("command line", "--part", "must be I/N with 1 <= I <= N, got '" + text + "'");
  --part.index;
  return part;
}

void run_merge(const PrepareCommand& command) {
  if (!command.recipe.empty() || !command.out.empty())
    throw InputError("command line", "--merge", "takes OUT and the parts, and neither a recipe nor --out");
  const std::string& out = command.merge.front();
  tell(merge_parts(out, {command.merge.begin() + 1, command.merge.end()}), out, command.json);
}

void run_prepare(const PrepareCommand& command) {
  catch_interrupts();
  if (!command.merge.empty()) return run_merge(command);
  if (command.recipe.empty()) throw InputError("command line", "RECIPE", "is missing");
  if (command.out.empty()) throw InputError("command line", "--out", "is missing: the directory of the shards");
  const Recipe recipe = load_recipe(command.recipe, "prepare", command.overrides);
  const auto options = read_options<PrepareOptions>(recipe.table, recipe.file);
  const Machine machine = resolve_machine(command.machine);
  const PrepareRun run{machine, at::get_num_threads(), parse_part(command.part)};
  if (command.dry_run) {
    print_facts(Facts(plan_preparation(options, command.out, run)), command.json);
    return;
  }
  tell(prepare_data(options, command.out, run), command.out, command.json);
}

}  // namespace

void add_prepare_command(CLI::App& program) {
  auto options = std::make_shared<PrepareCommand>();
  CLI::App* command = program.add_subcommand("prepare", "turn a data set's files into shards of token ids")
                          ->footer(
                              "Examples:\n"
                              "  palimpsest prepare emoji4 --out data/emoji4\n"
                              "  palimpsest prepare emoji4 --out data/part-2 --part 2/8\n"
                              "  palimpsest prepare --merge data/emoji4 data/part-*\n"
                              "Killed or interrupted, the same command goes on where it was.");
  command->add_option("recipe", options->recipe, "a recipe's path, or its NAME under experiments/recipes/prepare");
  command->add_option("overrides", options->overrides, "settings as table.key=value");
  command->add_option("--out", options->out, "directory of the shards");
  command->add_option("--part", options->part, "I/N: only the I-th of N parts, each prepared by itself");
  command->add_option("--merge", options->merge, "OUT PART...: join all parts of a preparation")
      ->expected(2, 1'000'000);
  command->add_flag(
      "--dry-run", options->dry_run,
      "check everything, try the first samples, say what would be done and how long it would take, write nothing");
  command->add_flag("--json", options->json, "print the report as JSON");
  add_options(*command, options->machine);
  command->callback([options] { run_prepare(*options); });
}

}  // namespace palimpsest
