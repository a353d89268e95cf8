// Preparing a data set: media files to shards of token ids, once.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/machine.h"
#include "base/recipe.h"
#include "datasets/prepare/filters.h"
#include "datasets/prepare/kept_rules.h"
#include "datasets/prepare/transforms.h"
#include "datasets/shards/shard.h"
#include "datasets/sources/data_options.h"
#include "datasets/sources/split_source.h"

namespace palimpsest {

// [tokenizers.ROLE]
struct RoleTokenizerOptions {
  std::string path;             // a directory that Tokenizer::save wrote
  std::int64_t max_tokens = 0;  // a sample with more is left out and counted, never cut; 0: no bound

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("path", self.path, "a tokenizer's directory");
    visitor("max_tokens", self.max_tokens, "samples with more tokens are left out, 0 for no bound");
  }
  void validate() const;
};

enum class Compression { kNone, kDeflate };
constexpr auto enum_names(Compression) {
  return std::array{std::pair{Compression::kNone, "none"}, std::pair{Compression::kDeflate, "deflate"}};
}

// [prepare]
struct ShardingOptions {
  std::int64_t samples_per_shard = 2048;  // of the source; what is kept of them is one shard
  std::int64_t batch = 32;                // samples tokenized at once, cut by their index in the source
  double max_failure_rate = 1.0;          // a larger share of samples that cannot be read stops the run
  bool quarantine = false;                // keep the bytes of samples that cannot be read?
  bool apart = false;                     // read archives and decode media in processes of their own?
  std::int64_t rows_per_group = 512;      // read and shuffled together
  Compression compression = Compression::kNone;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("samples_per_shard", self.samples_per_shard, "samples of the source that one shard stands for");
    visitor("batch", self.batch, "samples tokenized at once");
    visitor("max_failure_rate", self.max_failure_rate, "share of unreadable samples that stops the run, 1 for never");
    visitor("quarantine", self.quarantine, "keep the bytes of unreadable samples in DIRECTORY/quarantine?");
    visitor("apart", self.apart, "read archives and decode media in processes of their own, which a bad file may end?");
    visitor("rows_per_group", self.rows_per_group, "rows that lie, are read and are shuffled together");
    visitor("compression", self.compression, "none, or deflate: smaller on the disk, slower to read");
  }
  void validate() const;
  ShardFormat format() const { return {rows_per_group, compression == Compression::kDeflate ? kDeflateLevel : 0}; }

  static constexpr std::int64_t kDeflateLevel = 4;  // beyond it ids hardly get smaller
};

// The whole recipe.
struct PrepareOptions {
  DataOptions data;
  std::map<std::string, RoleTokenizerOptions> tokenizers;  // the roles to prepare
  std::map<std::string, FilterOptions> filters;
  std::map<std::string, DuplicateOptions> duplicates;
  std::map<std::string, CapOptions> caps;
  std::vector<TransformOptions> transforms;
  ShardingOptions prepare;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("data", self.data, "where the data are and what they hold");
    visitor("tokenizers", self.tokenizers, "who makes ids of each role");
    visitor("filters", self.filters, "what is left out by a measure of one role");
    visitor("duplicates", self.duplicates, "what is left out because the same was kept");
    visitor("caps", self.caps, "how many of a group are kept");
    visitor("transforms", self.transforms, "what is done to samples before they become ids, in this order");
    visitor("prepare", self.prepare, "how shards are cut");
  }
  void validate() const;
};

struct PrepareCounts {
  std::int64_t kept = 0, failed = 0, filtered = 0, duplicates = 0;  // samples; they add up to the split's
  std::map<std::string, std::int64_t> rules;                        // samples left out, by rule
  std::int64_t shards = 0;
  bool already_there = false;  // nothing was left to do

  std::int64_t inputs() const { return kept + failed + filtered + duplicates; }
};
using PrepareReport = std::map<std::string, PrepareCounts>;  // by split

// How a preparation runs; none of it changes a byte, but for which part is prepared.
struct PrepareRun {
  Machine machine = {};
  std::int64_t workers = 1;  // threads that decode, filter and tokenize, beside the one that reads and writes
  Part part = {};
  std::string program =
      "/proc/self/exe";  // that decodes when asked to by its first argument (modalities/media/apart.h)
};

// Writes DIRECTORY/{manifest.json, ledger.jsonl, SPLIT-00000.h5, ...}. Killed at any moment and run again, it goes on
// after the last shard of the manifest and leaves the same bytes as a run that was never killed; run again when done,
// it does nothing. Samples that cannot be read or that a rule leaves out are told in the ledger (one line a sample of
// the source) and never stop the run, unless max_failure_rate says so. InputError: a directory prepared with other
// settings (naming the first that differs), a role whose tokenizer reads another kind of media or sample rate, no
// readable sample in a split. IoError: disk full; what was there before still is.
PrepareReport prepare_data(const PrepareOptions& options, const std::filesystem::path& directory,
                           const PrepareRun& run = {});

// Counts of a directory's ledger.
PrepareReport count_samples(const std::filesystem::path& directory);

}  // namespace palimpsest
