// One split's samples turned into shards, going on where the manifest ends.
#pragma once

#include <deque>
#include <optional>

#include "base/ordered_tasks.h"
#include "base/progress.h"
#include "datasets/prepare/readers.h"
#include "datasets/prepare/sample_work.h"
#include "datasets/shards/manifest.h"

namespace palimpsest {

// What all splits of a preparation share.
struct Preparation {
  const PrepareOptions& options;
  const RoleTokenizers& tokenizers;
  std::filesystem::path directory;
  PrepareRun run;
  Manifest manifest;
  KeptRules rules;
  PrepareReport report;  // of what is in the ledger
  Readers readers;
};

// One thread (the caller's) cuts the source apart and judges what comes back in the source's order; the workers do all
// between, a few batches ahead; one more thread writes shards while the next is gathered.
class SplitPreparation {
 public:
  SplitPreparation(Preparation& shared, std::string split);
  ~SplitPreparation();  // a shard that is being written becomes whole
  SplitPreparation(const SplitPreparation&) = delete;
  SplitPreparation& operator=(const SplitPreparation&) = delete;

  // To the split's end. InputError when more samples failed than the recipe allows; what is done stays.
  void run();

 private:
  using Batch = std::vector<WorkedSample>;
  // What becomes a shard, where it has rows, and their part of the ledger.
  struct Gathered {
    std::string file;
    ShardBuilder builder;
    std::vector<LedgerRow> rows;
    bool last;  // of the split
  };

  bool give_batch();
  void take_batch();
  void place(WorkedSample sample);
  void begin_shard();
  void end_shard(bool last);
  void write(Gathered gathered);
  void take_written();    // waits for the oldest; throws what writing threw
  void finish_writing();  // the same for all
  void check_failures();
  std::string stages() const;  // for people
  void quarantine(const WorkedSample& sample) const;

  Preparation& shared_;
  std::string split_;
  std::int64_t index_;           // of the next sample to be placed
  std::int64_t given_;           // of the next sample to be read
  bool ended_ = false;           // the source
  std::deque<std::size_t> raw_;  // bytes of each batch that is under way
  std::size_t raw_bytes_ = 0;    // of all of them
  StageMeter meter_;
  SampleWork work_;
  std::unique_ptr<Source> source_;
  OrderedTasks<Batch> tasks_;  // ends before the source does
  std::size_t number_;         // of shards that were gathered before
  std::string shard_;          // file name of the one that is gathered
  std::optional<ShardBuilder> builder_;
  std::vector<LedgerRow> rows_;
  std::size_t bytes_ = 0;            // of memory that the builder's rows take
  std::deque<std::size_t> written_;  // of memory that the shards take that were given to the writer
  std::size_t written_bytes_ = 0;    // all of them
  bool broken_ = false;              // the writer's: a shard could not be written
  OrderedTasks<void> writer_;        // has the manifest while shards are under way
};

inline constexpr const char* kQuarantineName = "quarantine";  // SPLIT-INDEX.EXTENSION of samples that cannot be read

// SPLIT-00012.h5
std::string shard_name(const std::string& split, std::size_t number);

// Adds a row of the ledger to the counts.
void count_row(const LedgerRow& row, PrepareReport& report);

// The manifest to go on from: the directory's own, or a fresh one while nothing is prepared. InputError: prepared with
// other settings, other files in the directory.
Manifest resume_or_begin(const PrepareOptions& options, const std::filesystem::path& directory,
                         const nlohmann::json& settings, const RoleTokenizers& tokenizers);

// Names of the roles that the recipe prepares.
std::vector<std::string> prepared_roles(const PrepareOptions& options);

}  // namespace palimpsest
