// palimpsest bench start: wall time of whole processes, from nothing to the end.
#include "base/child_process.h"
#include "base/errors.h"
#include "base/recipe.h"
#include "experiments/cli/bench.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

struct BenchStartOptions {
  std::string thing;
  std::int64_t repeats = 5;
  bool json = false;
};

std::vector<double> start_seconds(const std::vector<std::string>& command, std::int64_t repeats) {
  std::vector<double> seconds;
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    const Stopwatch watch;
    program_output(command);
    seconds.push_back(watch.seconds());
  }
  return seconds;
}

void run_bench_start(const BenchStartOptions& options) {
  if (options.repeats < 1) throw InputError("command line", "--repeats", "must be at least 1");
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string thing = options.thing.empty() ? (recipe_root() / "train" / "emoji4.toml").string() : options.thing;
  if (!std::filesystem::exists(thing)) throw InputError(thing, "", "there is no such file or directory");
  Facts facts{{"repeats", options.repeats}, {"inspected", thing}};
  add_spread(facts, "help_seconds", start_seconds({program, "--help"}, options.repeats));
  add_spread(facts, "inspect_seconds", start_seconds({program, "inspect", thing}, options.repeats));
  print_facts(facts, options.json);
}

}  // namespace

void add_bench_start(CLI::App& bench) {
  auto options = std::make_shared<BenchStartOptions>();
  CLI::App* command = bench.add_subcommand("start", "wall time of --help and of inspect, as processes of their own");
  command->footer("Example:\n  palimpsest bench start checkpoints/emoji --json");
  command->add_option("THING", options->thing, "what inspect looks into; without it a recipe");
  command->add_option("--repeats", options->repeats, "how often")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on stdout");
  command->callback([options] { run_bench_start(*options); });
}

}  // namespace palimpsest
