#include "datasets/prepare/plan.h"

#include <chrono>

#include "datasets/prepare/split_preparation.h"

namespace palimpsest {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::int64_t bytes_an_id(const CodeSpace& space) { return space.size() <= 0x100 ? 1 : space.size() <= 0x10000 ? 2 : 4; }

// What came of a split's first samples.
struct Probe {
  std::int64_t tried = 0, samples = 0;  // tried, and counted altogether
  bool whole = true;                    // were all counted?
  double seconds = 0;
  PrepareCounts counts;
  std::map<std::string, std::int64_t> tokens;  // of what was kept, by role
  std::int64_t bytes = 0;                      // of what was kept, in shards
};

void add(Probe& probe, const WorkedSample& sample, const RoleTokenizers& tokenizers) {
  PrepareReport report;
  count_row(sample.row, report);
  const PrepareCounts& one = report.begin()->second;
  probe.counts.kept += one.kept;
  probe.counts.failed += one.failed;
  probe.counts.filtered += one.filtered;
  for (const auto& [rule, count] : one.rules) probe.counts.rules[rule] += count;
  if (sample.row.outcome != Outcome::kKept) return;
  probe.bytes += static_cast<std::int64_t>(sample.row.key.size() + sample.meta.dump().size());
  for (const auto& [role, codes] : sample.codes) {
    probe.tokens[role] += codes.ids_L.numel();
    probe.bytes += codes.ids_L.numel() * bytes_an_id(tokenizers.tokens.at(role).space);
  }
}

Probe probe_split(const PrepareOptions& options, const std::string& split, const RoleTokenizers& tokenizers,
                  const PrepareRun& run) {
  const KeptRules rules(options.duplicates, options.caps);
  const SampleWork work(options, tokenizers, rules);
  const Readers readers(options, run);
  const auto source = open_source(options.data, split, prepared_roles(options),
                                  readers.reading(0, [&work](ReadResult& result) { work.look(result); }));
  Probe probe;
  const auto begin = Clock::now();
  std::vector<ReadResult> batch;
  while (probe.samples < kCountedSamples) {
    auto result = source->next();
    if (result && probe.samples++ < kProbedSamples) batch.push_back(std::move(*result));
    const bool tried = !batch.empty() && (!result || probe.samples == kProbedSamples);
    if (tried) {
      probe.tried = static_cast<std::int64_t>(batch.size());
      for (const WorkedSample& sample : work.run(std::exchange(batch, {}))) add(probe, sample, tokenizers);
      probe.seconds = seconds_since(begin);
    }
    if (!result) return probe;
  }
  probe.whole = false;
  return probe;
}

nlohmann::json to_json(const Probe& probe, std::int64_t workers) {
  nlohmann::json json{{"samples", probe.samples}, {"counted", probe.whole ? "all" : "the first, there may be more"}};
  if (probe.tried == 0) return json;
  const double each = probe.seconds / static_cast<double>(probe.tried);
  const auto of_all = [&probe](std::int64_t of_tried) {
    return static_cast<std::int64_t>(static_cast<double>(of_tried) * static_cast<double>(probe.samples) /
                                     static_cast<double>(probe.tried));
  };
  json["probe"] = {{"samples", probe.tried},
                   {"kept", probe.counts.kept},
                   {"failed", probe.counts.failed},
                   {"filtered", probe.counts.filtered},
                   {"rules", probe.counts.rules},
                   {"tokens", probe.tokens},
                   {"samples_per_second_of_a_worker", 1.0 / std::max(each, 1e-9)}};
  json["estimate"] = {{"kept", of_all(probe.counts.kept)},
                      {"bytes", of_all(probe.bytes)},
                      {"workers", workers},
                      {"seconds", each * static_cast<double>(probe.samples) / static_cast<double>(workers)}};
  return json;
}

}  // namespace

nlohmann::json plan_preparation(const PrepareOptions& options, const std::filesystem::path& directory,
                                const PrepareRun& run) {
  const RoleTokenizers tokenizers = open_tokenizers(options);
  for (const auto& [role, tokenizer] : tokenizers.tokenizers) tokenizer->to(run.machine);
  const Manifest manifest =
      resume_or_begin(options, directory, preparation_settings(options, tokenizers, run.part), tokenizers);
  nlohmann::json plan = {{"directory", directory.string()}, {"source", options.data.source}};
  if (run.part.count > 1) plan["part"] = part_name(run.part);
  for (const auto& [role, tokens] : tokenizers.tokens) plan["roles"][role] = tokens.to_json();
  for (const auto& [name, split] : options.data.splits) {
    const auto found = manifest.splits.find(name);
    auto& entry = plan["splits"][name];
    entry = to_json(probe_split(options, name, tokenizers, run), run.workers);
    entry["prepared"] = found == manifest.splits.end() ? 0 : found->second.inputs();
    entry["complete"] = found != manifest.splits.end() && found->second.complete;
  }
  return plan;
}

}  // namespace palimpsest
