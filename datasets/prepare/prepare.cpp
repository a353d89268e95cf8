#include "datasets/prepare/prepare.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "datasets/prepare/tokenize.h"
#include "datasets/shards/manifest.h"
#include "datasets/sources/open_source.h"
#include "datasets/sources/split_source.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// Two programs must not write one directory.
class DirectoryLock {
 public:
  explicit DirectoryLock(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw IoError(directory.string(), "", "cannot make the directory: " + error.message());
    descriptor_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ < 0) throw IoError(directory.string(), "", "cannot open the directory");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(descriptor_);
    throw InputError(directory.string(), "", "another program is preparing it");
  }
  ~DirectoryLock() { ::close(descriptor_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

// The manifest to go on from: the directory's own, or a fresh one where prepare has not written.
Manifest resume_or_begin(const fs::path& directory, const nlohmann::json& settings, const RoleTokenizers& tokenizers) {
  if (!fs::exists(directory / kManifestName)) {
    if (fs::is_directory(directory) && std::any_of(fs::directory_iterator(directory), fs::directory_iterator(), [](const auto& entry) {
          return !entry.path().filename().string().starts_with(".") && entry.path().extension() != ".h5" &&
                 entry.path().filename() != kLedgerName;
        })) {
      throw InputError(directory.string(), "", "holds other files; prepare wants a directory of its own");
    }
    return {settings, 0, tokenizers.tokens, {}};
  }
  Manifest manifest = read_manifest(directory);
  check_same_settings(manifest.settings, settings, directory);
  return manifest;
}

bool all_complete(const PrepareOptions& options, const Manifest& manifest) {
  return std::all_of(options.data.splits.begin(), options.data.splits.end(), [&manifest](const auto& split) {
    const auto found = manifest.splits.find(split.first);
    return found != manifest.splits.end() && found->second.complete;
  });
}

// Removes what a killed run left: partial files and shards that are not in the manifest.
void sweep(const fs::path& directory, const Manifest& manifest) {
  std::set<std::string> listed;
  for (const auto& [name, split] : manifest.splits) {
    for (const ShardEntry& entry : split.shards) listed.insert(entry.file);
  }
  std::vector<fs::path> stray;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const bool partial = name.starts_with(".") && name.find(".partial-") != std::string::npos;
    if (partial || (entry.path().extension() == ".h5" && !listed.contains(name))) stray.push_back(entry.path());
  }
  for (const fs::path& path : stray) fs::remove(path);
}

std::string shard_name(const std::string& split, std::size_t number) {
  const std::string digits = std::to_string(number);
  return split + "-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits + ".h5";
}

// One split's samples turned into shards, going on where the manifest ends.
class SplitPreparation {
 public:
  SplitPreparation(const PrepareOptions& options, const RoleTokenizers& tokenizers, fs::path directory, Manifest& manifest,
                   std::string split)
      : options_(options), tokenizers_(tokenizers), directory_(std::move(directory)), manifest_(manifest), split_(std::move(split)),
        index_(manifest_.splits[split_].inputs()) {}

  void run(const std::vector<LedgerRow>& ledger) {
    std::vector<std::string> roles;
    for (const auto& [role, tokenizer] : options_.tokenizers) roles.push_back(role);
    SkippedKeys done;
    for (const LedgerRow& row : ledger) {
      if (row.split == split_) ++done[row.key];
    }
    const auto source = open_source(options_.data, split_, roles, done);
    const SplitOptions& split = options_.data.splits.at(split_);
    const auto total = static_cast<std::int64_t>(Split(split).keys().size()) * (1 + split.variation.copies);
    Progress progress("preparing " + split_, total, "samples", index_);
    while (!ended_) {
      prepare_shard(*source, progress);
      failpoint("prepare.after_shard");
    }
    progress.finish();
  }

 private:
  std::vector<ReadResult> read_batch(Source& source) {
    std::vector<ReadResult> batch;
    while (static_cast<std::int64_t>(batch.size()) < options_.prepare.batch) {
      stop_if_interrupted();
      auto result = source.next();
      if (!result) {
        ended_ = true;
        break;
      }
      batch.push_back(std::move(*result));
    }
    return batch;
  }

  void prepare_shard(Source& source, Progress& progress) {
    ShardBuilder builder(split_, fs::path(options_.data.source).filename().string(), tokenizers_.tokens);
    std::vector<LedgerRow> rows;
    while (!ended_ && static_cast<std::int64_t>(rows.size()) < options_.prepare.samples_per_shard) {
      for (TokenizedSample& sample : tokenize(read_batch(source), tokenizers_, options_.tokenizers)) {
        rows.push_back({split_, index_++, sample.sample.key, sample.outcome, sample.reason, nullptr});
        if (sample.outcome != Outcome::kKept) continue;
        rows.back().fitted = sample.sample.meta.value("fitted", nlohmann::json());
        builder.add(sample.sample.key, std::move(sample.sample.meta), sample.codes);
      }
      progress.update(index_);
    }
    commit(builder, rows);
  }

  // Shard, then ledger, then the manifest that makes both count.
  void commit(const ShardBuilder& builder, const std::vector<LedgerRow>& rows) {
    SplitEntry& split = manifest_.splits[split_];
    if (!rows.empty()) {
      const Shard shard = builder.build();
      const std::string file = shard_name(split_, split.shards.size()), bytes = format_shard(shard);
      write_file_atomically(directory_ / file, bytes);
      split.shards.push_back(describe_shard(file, shard, bytes, static_cast<std::int64_t>(rows.size())));
      manifest_.ledger_bytes = extend_ledger(directory_, manifest_.ledger_bytes, format_rows(rows));
    }
    split.complete = ended_;
    write_manifest(directory_, manifest_);
  }

  const PrepareOptions& options_;
  const RoleTokenizers& tokenizers_;
  fs::path directory_;
  Manifest& manifest_;
  std::string split_;
  std::int64_t index_;
  bool ended_ = false;
};

PrepareReport count(const Manifest& manifest, const std::vector<LedgerRow>& ledger) {
  PrepareReport report;
  for (const auto& [name, split] : manifest.splits) report[name].shards = static_cast<std::int64_t>(split.shards.size());
  for (const LedgerRow& row : ledger) {
    PrepareCounts& counts = report[row.split];
    ++(row.outcome == Outcome::kKept ? counts.kept : row.outcome == Outcome::kFailed ? counts.failed : counts.filtered);
  }
  return report;
}

}  // namespace

void RoleTokenizerOptions::validate() const {
  if (path.empty()) throw InputError("", "path", "must be given");
  if (max_tokens < 0) throw InputError("", "max_tokens", "must not be negative");
}

void ShardingOptions::validate() const {
  if (batch < 1 || batch > 4096) throw InputError("", "batch", "must lie in 1..4096");
  if (samples_per_shard < batch || samples_per_shard % batch != 0) {
    throw InputError("", "samples_per_shard", "must be a multiple of batch (" + std::to_string(batch) + ")");
  }
}

void PrepareOptions::validate() const {
  if (tokenizers.empty()) throw InputError("", "tokenizers", "at least one role needs a tokenizer");
  std::vector<std::string> roles;
  for (const auto& [name, role] : data.roles) roles.push_back(name);
  for (const auto& [name, tokenizer] : tokenizers) {
    if (!data.roles.contains(name)) throw InputError("", "tokenizers." + name, "no such role in [data.roles]" + suggest(name, roles));
  }
}

PrepareReport prepare_data(const PrepareOptions& options, const fs::path& directory, const Machine& machine) {
  const RoleTokenizers tokenizers = open_tokenizers(options);
  for (const auto& [role, tokenizer] : tokenizers.tokenizers) tokenizer->to(machine);
  const nlohmann::json settings = preparation_settings(options, tokenizers);
  const DirectoryLock lock(directory);
  Manifest manifest = resume_or_begin(directory, settings, tokenizers);
  const bool finished = all_complete(options, manifest);
  if (!finished) {
    sweep(directory, manifest);
    const auto ledger = read_ledger(directory, manifest.ledger_bytes);
    for (const auto& [split, split_options] : options.data.splits) {
      if (!manifest.splits[split].complete) SplitPreparation(options, tokenizers, directory, manifest, split).run(ledger);
    }
  }
  PrepareReport report = count(manifest, read_ledger(directory, manifest.ledger_bytes));
  for (auto& [split, counts] : report) {
    counts.already_there = finished;
    if (counts.kept == 0) throw InputError(directory.string(), split, "no sample was kept; " + std::string(kLedgerName) + " says why");
  }
  return report;
}

nlohmann::json plan_preparation(const PrepareOptions& options, const fs::path& directory) {
  const RoleTokenizers tokenizers = open_tokenizers(options);
  const Manifest manifest = resume_or_begin(directory, preparation_settings(options, tokenizers), tokenizers);
  nlohmann::json plan = {{"directory", directory.string()}, {"source", find_data(options.data.source, "data.source").string()}};
  for (const auto& [role, tokens] : tokenizers.tokens) plan["roles"][role] = tokens.to_json();
  for (const auto& [name, split] : options.data.splits) {
    open_source(options.data, name);  // every check of the source
    const auto found = manifest.splits.find(name);
    auto& entry = plan["splits"][name];
    entry["prepared"] = found == manifest.splits.end() ? 0 : found->second.inputs();
    entry["complete"] = found != manifest.splits.end() && found->second.complete;
    if (!split.keys.empty()) entry["samples"] = Split(split).keys().size();
  }
  return plan;
}

}  // namespace palimpsest
