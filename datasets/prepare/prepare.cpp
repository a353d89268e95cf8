#include "datasets/prepare/prepare.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/files.h"
#include "datasets/prepare/likeness.h"
#include "datasets/prepare/split_preparation.h"
#include "datasets/shards/manifest.h"

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
    int code = try_lock();
    // A program that one killed a moment ago was just starting still has it until it runs.
    for (int round = 0; code == EWOULDBLOCK && round < kRounds; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      code = try_lock();
    }
    if (code == 0) return;
    ::close(descriptor_);
    if (code == EWOULDBLOCK) throw InputError(directory.string(), "", "another program is preparing it");
    throw IoError(directory.string(), "", "cannot lock the directory: " + std::generic_category().message(code));
  }
  ~DirectoryLock() { ::close(descriptor_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  static constexpr int kRounds = 20;

  int try_lock() const { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

  int descriptor_;
};

bool is_hidden(const fs::directory_entry& entry) { return entry.path().filename().string().starts_with("."); }

bool has_begun(const Manifest& manifest) {
  return std::any_of(manifest.splits.begin(), manifest.splits.end(),
                     [](const auto& split) { return split.second.complete || !split.second.shards.empty(); });
}

}  // namespace

Manifest resume_or_begin(const PrepareOptions& options, const fs::path& directory, const nlohmann::json& settings,
                         const RoleTokenizers& tokenizers) {
  Manifest fresh{settings, 0, tokenizers.tokens, {}};
  for (const auto& [name, split] : options.data.splits) fresh.splits[name] = {};
  if (!fs::exists(directory / kManifestName)) {
    if (fs::is_directory(directory) &&
        !std::all_of(fs::directory_iterator(directory), fs::directory_iterator(), is_hidden)) {
      throw InputError(directory.string(), "", "holds other files; prepare wants a directory of its own");
    }
    return fresh;
  }
  Manifest manifest = read_manifest(directory);
  if (!has_begun(manifest)) return fresh;  // the recipe may still change
  check_same_settings(manifest.settings, settings, directory);
  return manifest;
}

namespace {

bool all_complete(const PrepareOptions& options, const Manifest& manifest) {
  return std::all_of(options.data.splits.begin(), options.data.splits.end(), [&manifest](const auto& split) {
    const auto found = manifest.splits.find(split.first);
    return found != manifest.splits.end() && found->second.complete;
  });
}

// Removes the partial files that a killed run left. A shard that its manifest lacks is simply made again.
void sweep(const fs::path& directory) {
  std::vector<fs::path> partial;
  for (const fs::path& folder : {directory, directory / kQuarantineName}) {
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (is_hidden(entry) && entry.path().filename().string().find(".partial-") != std::string::npos)
        partial.push_back(entry.path());
    }
  }
  for (const fs::path& path : partial) fs::remove(path);
}

// What the ledger tells of what was done before.
void recall(Preparation& preparation) {
  const Manifest& manifest = preparation.manifest;
  for (const auto& [name, split] : manifest.splits)
    preparation.report[name].shards = static_cast<std::int64_t>(split.shards.size());
  for_each_row(preparation.directory, manifest.ledger_bytes, [&preparation](const LedgerRow& row) {
    count_row(row, preparation.report);
    if (row.outcome == Outcome::kKept) preparation.rules.keep(row);
  });
}

void check_role_of(const PrepareOptions& options, const std::string& table, const std::string& role,
                   std::string_view kind) {
  std::vector<std::string> roles;
  for (const auto& [name, tokenizer] : options.tokenizers) roles.push_back(name);
  if (!options.tokenizers.contains(role))
    throw InputError("", table + ".role", "no role '" + role + "' is prepared" + suggest(role, roles));
  const std::string& found = options.data.roles.at(role).kind;
  if (!kind.empty() && kind != found)
    throw InputError("", table + ".role", "'" + role + "' is " + found + ", " + std::string(kind) + " is needed");
}

void check_rules(const PrepareOptions& options) {
  for (const auto& [name, filter] : options.filters) {
    if (!filter.role.empty()) check_role_of(options, "filters." + name, filter.role, find_measure(filter.measure).kind);
  }
  for (const auto& [name, rule] : options.duplicates) {
    for (const std::string& role : rule.roles)
      check_role_of(options, "duplicates." + name, role, find_likeness(rule.kind).media);
    if (options.caps.contains(name))
      throw InputError("", "caps." + name, "there is a rule of this name in [duplicates]");
  }
  for (const TransformOptions& one : options.transforms) {
    check_role_of(options, "transforms", one.role, transformed_kind(one));
    if (!one.caption.empty()) check_role_of(options, "transforms", one.caption, "text");
  }
}

// Words that were swapped in the caption would be said the other way.
void check_swapped_words(const PrepareOptions& options) {
  for (const TransformOptions& one : options.transforms) {
    if (one.words != DirectionWords::kSwap) continue;
    for (const auto& [role, tokenizer] : options.tokenizers) {
      if (options.data.roles.at(role).spoken == one.caption)
        throw InputError("", "transforms.words",
                         "'" + role + "' says what '" + one.caption + "' said before; 'leave' is needed");
    }
  }
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
  if (!(max_failure_rate >= 0.0 && max_failure_rate <= 1.0))
    throw InputError("", "max_failure_rate", "must lie in 0..1");
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
  check_rules(*this);
  check_swapped_words(*this);
}

PrepareReport prepare_data(const PrepareOptions& options, const fs::path& directory, const PrepareRun& run) {
  const RoleTokenizers tokenizers = open_tokenizers(options);
  for (const auto& [role, tokenizer] : tokenizers.tokenizers) tokenizer->to(run.machine);
  const nlohmann::json settings = preparation_settings(options, tokenizers, run.part);
  const DirectoryLock lock(directory);
  Preparation preparation{options,
                          tokenizers,
                          directory,
                          run,
                          resume_or_begin(options, directory, settings, tokenizers),
                          KeptRules(options.duplicates, options.caps),
                          {},
                          Readers(options, run)};
  const bool finished = all_complete(options, preparation.manifest);
  if (!finished) {
    sweep(directory);
    write_manifest(directory, preparation.manifest);  // from here on the directory is known as ours
  }
  recall(preparation);
  for (const auto& [split, split_options] : options.data.splits) {
    if (!preparation.manifest.splits[split].complete) SplitPreparation(preparation, split).run();
  }
  for (auto& [split, counts] : preparation.report) {
    counts.already_there = finished;
    if (counts.kept == 0 && run.part.count == 1)
      throw InputError(directory.string(), split, "no sample was kept; " + std::string(kLedgerName) + " says why");
  }
  return preparation.report;
}

PrepareReport count_samples(const fs::path& directory) {
  const Manifest manifest = read_manifest(directory);
  PrepareReport report;
  for (const auto& [name, split] : manifest.splits) {
    report[name].shards = static_cast<std::int64_t>(split.shards.size());
    report[name].already_there = true;
  }
  for_each_row(directory, manifest.ledger_bytes, [&report](const LedgerRow& row) { count_row(row, report); });
  return report;
}

}  // namespace palimpsest
