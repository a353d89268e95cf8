#include "datasets/prepare/prepare.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/failpoint.h"
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
    const int code = errno;
    ::close(descriptor_);
    if (code == EWOULDBLOCK) throw InputError(directory.string(), "", "another program is preparing it");
    throw IoError(directory.string(), "", "cannot lock the directory: " + std::generic_category().message(code));
  }
  ~DirectoryLock() { ::close(descriptor_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

bool is_hidden(const fs::directory_entry& entry) { return entry.path().filename().string().starts_with("."); }

// The manifest to go on from: the directory's own, or a fresh one while nothing is prepared.
Manifest resume_or_begin(const fs::path& directory, const nlohmann::json& settings, const RoleTokenizers& tokenizers) {
  const Manifest fresh{settings, 0, tokenizers.tokens, {}};
  if (!fs::exists(directory / kManifestName)) {
    if (fs::is_directory(directory) &&
        !std::all_of(fs::directory_iterator(directory), fs::directory_iterator(), is_hidden)) {
      throw InputError(directory.string(), "", "holds other files; prepare wants a directory of its own");
    }
    return fresh;
  }
  Manifest manifest = read_manifest(directory);
  if (manifest.splits.empty()) return fresh;  // begun and no more: the recipe may still change
  check_same_settings(manifest.settings, settings, directory);
  return manifest;
}

bool all_complete(const PrepareOptions& options, const Manifest& manifest) {
  return std::all_of(options.data.splits.begin(), options.data.splits.end(), [&manifest](const auto& split) {
    const auto found = manifest.splits.find(split.first);
    return found != manifest.splits.end() && found->second.complete;
  });
}

// Removes the partial files that a killed run left. A shard that its manifest lacks is simply made again.
void sweep(const fs::path& directory) {
  std::vector<fs::path> partial;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (is_hidden(entry) && entry.path().filename().string().find(".partial-") != std::string::npos)
      partial.push_back(entry.path());
  }
  for (const fs::path& path : partial) fs::remove(path);
}

std::vector<std::string> prepared_roles(const PrepareOptions& options) {
  std::vector<std::string> roles;
  for (const auto& [role, tokenizer] : options.tokenizers) roles.push_back(role);
  return roles;
}

std::string shard_name(const std::string& split, std::size_t number) {
  const std::string digits = std::to_string(number);
  return split + "-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits + ".h5";
}

// One split's samples turned into shards, going on where the manifest ends.
class SplitPreparation {
 public:
  SplitPreparation(const PrepareOptions& options, const RoleTokenizers& tokenizers, fs::path directory,
                   Manifest& manifest, std::string split)
      : options_(options),
        tokenizers_(tokenizers),
        directory_(std::move(directory)),
        manifest_(manifest),
        split_(std::move(split)),
        index_(manifest_.splits[split_].inputs()) {}

  void run(const std::vector<LedgerRow>& ledger) {
    SkippedKeys done;
    for (const LedgerRow& row : ledger) {
      if (row.split == split_) ++done[row.key];
    }
    const auto source = open_source(options_.data, split_, prepared_roles(options_), done);
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
    stop_if_interrupted();  // what the signal also reached may have failed for it
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
      const std::string file = shard_name(split_, split.shards.size());
      const FormattedShard formatted = format_shard(shard, options_.prepare.format());
      write_file_atomically(directory_ / file, formatted.bytes);
      split.shards.push_back(describe_shard(file, shard, formatted, static_cast<std::int64_t>(rows.size())));
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
  for (const auto& [name, split] : manifest.splits)
    report[name].shards = static_cast<std::int64_t>(split.shards.size());
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
  if (rows_per_group < 1) throw InputError("", "rows_per_group", "must be at least 1");
}

void PrepareOptions::validate() const {
  if (tokenizers.empty()) throw InputError("", "tokenizers", "at least one role needs a tokenizer");
  std::vector<std::string> roles;
  for (const auto& [name, role] : data.roles) roles.push_back(name);
  for (const auto& [name, tokenizer] : tokenizers) {
    if (!data.roles.contains(name))
      throw InputError("", "tokenizers." + name, "no such role in [data.roles]" + suggest(name, roles));
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
    sweep(directory);
    write_manifest(directory, manifest);  // from here on the directory is known as ours
    const auto ledger = read_ledger(directory, manifest.ledger_bytes);
    for (const auto& [split, split_options] : options.data.splits) {
      if (!manifest.splits[split].complete)
        SplitPreparation(options, tokenizers, directory, manifest, split).run(ledger);
    }
  }
  PrepareReport report = count(manifest, read_ledger(directory, manifest.ledger_bytes));
  for (auto& [split, counts] : report) {
    counts.already_there = finished;
    if (counts.kept == 0)
      throw InputError(directory.string(), split, "no sample was kept; " + std::string(kLedgerName) + " says why");
  }
  return report;
}

nlohmann::json plan_preparation(const PrepareOptions& options, const fs::path& directory) {
  const RoleTokenizers tokenizers = open_tokenizers(options);
  const Manifest manifest = resume_or_begin(directory, preparation_settings(options, tokenizers), tokenizers);
  nlohmann::json plan = {{"directory", directory.string()}, {"source", options.data.source}};
  for (const auto& [role, tokens] : tokenizers.tokens) plan["roles"][role] = tokens.to_json();
  for (const auto& [name, split] : options.data.splits) {
    open_source(options.data, name, prepared_roles(options));  // every check of the source
    const auto found = manifest.splits.find(name);
    auto& entry = plan["splits"][name];
    entry["prepared"] = found == manifest.splits.end() ? 0 : found->second.inputs();
    entry["complete"] = found != manifest.splits.end() && found->second.complete;
    if (!split.keys.empty()) entry["samples"] = Split(split).keys().size();
  }
  return plan;
}

}  // namespace palimpsest
