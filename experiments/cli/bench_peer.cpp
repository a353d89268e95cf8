#include "experiments/cli/bench_peer.h"

#include <nlohmann/json.hpp>

#include "base/errors.h"
#include "base/recipe.h"
#include "experiments/evaluation/child_process.h"

namespace palimpsest {

namespace {

constexpr double kMebibyte = 1 << 20;

std::filesystem::path in_source_tree(const char* path) { return recipe_root().parent_path().parent_path() / path; }

}  // namespace

PythonPeer::PythonPeer()
    : python_(in_source_tree(".deps/peers/python")), script_(in_source_tree("tests/bench/peers/train_step.py")) {
  for (const std::filesystem::path& needed : {python_, script_}) {
    if (std::filesystem::exists(needed)) continue;
    throw InputError(needed.string(), "",
                     "is missing: the reference is set up by './run bench'; --alone measures without it");
  }
}

std::vector<std::string> peer_arguments(const PeerRun& run) {
  const BenchPreset& preset = find_bench_preset(run.preset);
  std::vector<std::string> arguments{"--preset",  run.preset,
                                     "--length",  std::to_string(preset.length),
                                     "--batch",   std::to_string(preset.batch),
                                     "--vocab",   std::to_string(preset.vocabulary),
                                     "--dtype",   run.dtype,
                                     "--threads", std::to_string(run.threads),
                                     "--steps",   std::to_string(run.steps),
                                     "--warmup",  std::to_string(run.warmup),
                                     "--seed",    std::to_string(run.seed),
                                     "--head",    "masked",
                                     "--malloc",  "keep",
                                     "--repeat",  "1",
                                     "--json"};
  if (run.compiled) arguments.emplace_back("--compile");
  return arguments;
}

PeerFigures PythonPeer::run(const PeerRun& run) const {
  // This program's own wish for huge pages is not the reference's, which asks for them by its allocator.
  std::vector<std::string> command{"env", "-u", "THP_MEM_ALLOC_ENABLE", python_.string(), script_.string()};
  for (const std::string& argument : peer_arguments(run)) command.push_back(argument);
  return parse_peer_row(program_output(command));
}

PeerFigures parse_peer_row(const std::string& text) {
  std::size_t begin = text.starts_with('{') ? 0 : text.find("\n{");  // comments come first
  begin = begin == std::string::npos ? text.size() : begin;
  const auto row = nlohmann::json::parse(text.substr(begin), nullptr, /*allow_exceptions=*/false);
  for (const char* key : {"tokens/s", "peak MiB"}) {
    if (!row.is_object() || !row.contains(key) || !row[key].is_number()) {
      throw InputError("the reference", key, "is not in what it printed: " + text);
    }
  }
  return {row["tokens/s"], static_cast<std::int64_t>(row["peak MiB"].get<double>() * kMebibyte)};
}

}  // namespace palimpsest
