#include "experiments/cli/bench_peer.h"

#include <sstream>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/recipe.h"

namespace palimpsest {

namespace {

constexpr double kMebibyte = 1 << 20;

std::filesystem::path in_source_tree(const char* path) { return recipe_root().parent_path().parent_path() / path; }

}  // namespace

PythonPeer::PythonPeer(const std::string& script)
    : python_(in_source_tree(".deps/peers/python")), script_(in_source_tree("tests/bench/peers") / script) {
  for (const std::filesystem::path& needed : {python_, script_}) {
    if (std::filesystem::exists(needed)) continue;
    throw InputError(needed.string(), "",
                     "is missing: the references are set up by './run bench'; --alone measures without them");
  }
}

std::vector<std::string> peer_arguments(const PeerRun& run) {
  const BenchPreset& preset = run.preset;
  std::vector<std::string> arguments{"--preset",  std::string(preset.name),
                                     "--length",  std::to_string(preset.length),
                                     "--batch",   std::to_string(preset.batch),
                                     "--vocab",   std::to_string(preset.vocabulary),
                                     "--dtype",   run.dtype,
                                     "--threads", std::to_string(run.threads),
                                     "--steps",   std::to_string(run.steps),
                                     "--warmup",  std::to_string(run.warmup),
                                     "--seed",    std::to_string(run.seed),
                                     "--head",    run.all_rows ? "all" : "masked",
                                     "--malloc",  "keep",
                                     "--repeat",  "1"};
  if (run.compiled) arguments.emplace_back("--compile");
  return arguments;
}

std::vector<PeerRow> PythonPeer::rows(const std::vector<std::string>& arguments) const {
  // This program's own wish for huge pages is not the reference's, which asks for them by its allocator.
  std::vector<std::string> command{"env", "-u", "THP_MEM_ALLOC_ENABLE", python_.string(), script_.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.emplace_back("--json");
  return parse_peer_rows(program_output(command));
}

PeerFigures PythonPeer::train(const PeerRun& run) const {
  const PeerRow row = rows(peer_arguments(run)).front();
  return {peer_figure(row, "tokens/s"), static_cast<std::int64_t>(peer_figure(row, "peak MiB") * kMebibyte)};
}

std::vector<PeerRow> parse_peer_rows(const std::string& text) {
  std::vector<PeerRow> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const PeerRow row = PeerRow::parse(line, nullptr, /*allow_exceptions=*/false);
    if (row.is_object()) rows.push_back(row);
  }
  if (rows.empty()) throw InputError("the reference", "", "printed no row: " + text);
  return rows;
}

double peer_figure(const PeerRow& row, const std::string& name) {
  if (!row.contains(name) || !row[name].is_number())
    throw InputError("the reference", name, "is not in what it printed: " + row.dump());
  return row[name].get<double>();
}

}  // namespace palimpsest
