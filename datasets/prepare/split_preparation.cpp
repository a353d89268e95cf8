#include "datasets/prepare/split_preparation.h"

#include "base/failpoint.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/zero_padded.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRawBatch = 32 << 20;     // bytes of files that end a batch early
constexpr std::size_t kRawAhead = 96 << 20;     // and that end reading ahead
constexpr std::size_t kShardBytes = 128 << 20;  // of memory for ids and meta that end a shard early
constexpr std::size_t kShardsWritten = 4;       // that are gathered and not yet on the disk
constexpr std::size_t kBatchesAhead = 4;        // a worker: a slow one keeps the others busy meanwhile

std::string plain_number(std::int64_t number) { return std::to_string(number); }

}  // namespace

std::vector<std::string> prepared_roles(const PrepareOptions& options) {
  std::vector<std::string> roles;
  for (const auto& [role, tokenizer] : options.tokenizers) roles.push_back(role);
  return roles;
}

std::string shard_name(const std::string& split, std::size_t number) {
  return split + "-" + zero_padded(static_cast<std::int64_t>(number), 5) + ".h5";
}

void count_row(const LedgerRow& row, PrepareReport& report) {
  PrepareCounts& counts = report[row.split];
  switch (row.outcome) {
    case Outcome::kKept:
      ++counts.kept;
      return;
    case Outcome::kFailed:
      ++counts.failed;
      return;
    case Outcome::kFiltered:
      ++counts.filtered;
      break;
    case Outcome::kDuplicate:
      ++counts.duplicates;
      break;
  }
  ++counts.rules[row.rule];
}

SplitPreparation::SplitPreparation(Preparation& shared, std::string split)
    : shared_(shared),
      split_(std::move(split)),
      index_(shared.manifest.splits[split_].inputs()),
      given_(index_),
      work_(shared.options, shared.tokenizers, shared.rules, &meter_),
      source_(open_source(shared.options.data, split_, prepared_roles(shared.options),
                          shared.readers.reading(index_, [this](ReadResult& result) { work_.look(result); }))),
      tasks_(shared.run.workers),
      number_(shared.manifest.splits[split_].shards.size()),
      writer_(1) {}

SplitPreparation::~SplitPreparation() {
  try {
    finish_writing();
  } catch (const std::exception&) {  // another error is on its way, or the split's end has told it
  }
}

void SplitPreparation::run() {
  check_failures();
  const SplitOptions& options = shared_.options.data.splits.at(split_);
  const auto keys =
      static_cast<std::int64_t>(Split(options, shared_.options.data.group, shared_.run.part).keys().size());
  Progress progress("preparing " + split_, keys * (1 + options.variation.copies), "samples", index_);
  const std::size_t ahead = kBatchesAhead * static_cast<std::size_t>(shared_.run.workers);
  begin_shard();
  while (true) {
    while (!ended_ && tasks_.pending() < ahead && raw_bytes_ < kRawAhead) ended_ = !give_batch();
    if (tasks_.pending() == 0) break;
    take_batch();
    progress.update(index_, stages());
  }
  end_shard(/*last=*/true);
  finish_writing();
  progress.finish(stages());
}

std::string SplitPreparation::stages() const {
  const PrepareCounts& counts = shared_.report[split_];
  return meter_.line() + "; " + plain_number(counts.inputs() - counts.kept) + " left out";
}

// False when the source has ended.
bool SplitPreparation::give_batch() {
  const ShardingOptions& sharding = shared_.options.prepare;
  const auto shard_left = sharding.samples_per_shard - given_ % sharding.samples_per_shard;
  const auto most = static_cast<std::size_t>(std::min(sharding.batch, shard_left));
  const auto batch = std::make_shared<std::vector<ReadResult>>();
  StageTimer timer(&meter_, Stage::kRead);
  std::size_t bytes = 0;
  bool more = true;
  while (batch->size() < most && bytes < kRawBatch) {
    stop_if_interrupted();
    auto result = source_->next();
    more = result.has_value();
    if (!more) break;
    bytes += result->bytes;
    batch->push_back(std::move(*result));
  }
  timer.count(batch->size());
  if (batch->empty()) return false;
  given_ += static_cast<std::int64_t>(batch->size());
  raw_.push_back(bytes);
  raw_bytes_ += bytes;
  tasks_.give([this, batch] { return work_.run(std::move(*batch)); });
  return more;
}

void SplitPreparation::take_batch() {
  stop_if_interrupted();
  Batch samples = tasks_.take();
  stop_if_interrupted();  // what the signal also reached may have failed for it
  raw_bytes_ -= raw_.front();
  raw_.pop_front();
  for (WorkedSample& sample : samples) place(std::move(sample));
}

void SplitPreparation::place(WorkedSample sample) {
  LedgerRow row = std::move(sample.row);
  row.split = split_;
  row.index = index_++;
  if (row.outcome == Outcome::kKept) {
    if (const auto verdict = shared_.rules.judge(row)) {
      row.outcome = verdict->outcome;
      row.rule = verdict->rule;
      row.value = verdict->value;
      row.of = verdict->of;
      row.reason = verdict->of.empty() ? "enough of this group were kept" : "the same was kept";
    }
  }
  if (row.outcome == Outcome::kKept) {
    shared_.rules.keep(row);
    row.shard = shard_;
    row.row = builder_->rows();
    row.fitted = sample.meta.value("fitted", nlohmann::json());
    bytes_ += sample.bytes();
    builder_->add(row.key, std::move(sample.meta), sample.codes);
  } else {
    row.traits.clear();
  }
  count_row(row, shared_.report);
  rows_.push_back(std::move(row));
  if (shared_.options.prepare.quarantine && sample.raw) quarantine(sample);
  const bool full = static_cast<std::int64_t>(rows_.size()) == shared_.options.prepare.samples_per_shard;
  if (!full && bytes_ < kShardBytes) return;
  end_shard(/*last=*/false);
  check_failures();
  begin_shard();
}

void SplitPreparation::begin_shard() {
  builder_.emplace(split_, fs::path(shared_.options.data.source).filename().string(), shared_.tokenizers.tokens);
  shard_ = shard_name(split_, number_);
  rows_.clear();
  bytes_ = 0;
}

// The writer waits for the disk now and then: a few small shards queue up meanwhile, which take less memory than a
// large one.
void SplitPreparation::end_shard(bool last) {
  while (writer_.pending() > 0 && (writer_.pending() >= kShardsWritten || written_bytes_ + bytes_ > kShardBytes))
    take_written();
  const auto gathered = std::make_shared<Gathered>(Gathered{shard_, std::move(*builder_), std::move(rows_), last});
  if (!gathered->rows.empty()) {
    ++number_;
    ++shared_.report[split_].shards;
  }
  written_.push_back(bytes_);
  written_bytes_ += bytes_;
  writer_.give([this, gathered] { write(std::move(*gathered)); });
}

// Shard, then ledger, then the manifest that makes both count. After one that failed none is written.
void SplitPreparation::write(Gathered gathered) {
  if (std::exchange(broken_, true)) return;
  Manifest& manifest = shared_.manifest;
  SplitEntry& split = manifest.splits[split_];
  split.complete = gathered.last;
  if (!gathered.rows.empty()) {
    StageTimer timer(&meter_, Stage::kWrite);
    timer.count(static_cast<std::size_t>(gathered.builder.rows()));
    const Shard shard = gathered.builder.build();
    const FormattedShard formatted = format_shard(shard, shared_.options.prepare.format());
    write_file_atomically(shared_.directory / gathered.file, formatted.bytes);
    split.shards.push_back(
        describe_shard(gathered.file, shard, formatted, static_cast<std::int64_t>(gathered.rows.size())));
    manifest.ledger_bytes = extend_ledger(shared_.directory, manifest.ledger_bytes, format_rows(gathered.rows));
  }
  write_manifest(shared_.directory, manifest);
  failpoint("prepare.after_shard");
  broken_ = false;
}

void SplitPreparation::take_written() {
  written_bytes_ -= written_.front();
  written_.pop_front();
  writer_.take();
}

void SplitPreparation::finish_writing() {
  while (writer_.pending() > 0) take_written();
}

void SplitPreparation::check_failures() {
  const PrepareCounts& counts = shared_.report[split_];
  const double most = shared_.options.prepare.max_failure_rate * static_cast<double>(counts.inputs());
  if (static_cast<double>(counts.failed) <= most) return;
  finish_writing();
  throw InputError(shared_.directory.string(), "prepare.max_failure_rate",
                   std::to_string(counts.failed) + " of " + std::to_string(counts.inputs()) + " samples of '" + split_ +
                       "' could not be read; " + kLedgerName +
                       " says which and why, and with a greater rate the same command goes on");
}

void SplitPreparation::quarantine(const WorkedSample& sample) const {
  const fs::path folder = shared_.directory / kQuarantineName;
  fs::create_directories(folder);
  for (const auto& [extension, bytes] : *sample.raw)
    write_file_atomically(folder / (split_ + "-" + zero_padded(index_ - 1, 8) + "." + extension), bytes);
}

}  // namespace palimpsest
