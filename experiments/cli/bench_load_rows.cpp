// Rows of tokens: from shards to batches, in order and shuffled.
//
// Shapes: B rows, L positions.
#include <fstream>

#include "datasets/loading/shuffled_order.h"
#include "datasets/loading/token_set.h"
#include "datasets/shards/manifest.h"
#include "experiments/cli/bench_load.h"
#include "experiments/cli/measure.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kShardRows = 16'384;

Shard shard_of_pages(std::int64_t rows, std::int64_t length, RandomKey key) {
  Shard shard{"train", "bench", {}, {}, {}};
  for (std::int64_t row = 0; row < rows; ++row) shard.keys.push_back(std::to_string(row));
  shard.meta.resize(static_cast<std::size_t>(rows));
  shard.roles["page"] = {{"bench", {"text", {kBenchIds}}},
                         random_bench_ids(rows * length, key),
                         at::arange(0, (rows + 1) * length, length, at::kLong),
                         at::ones({rows}, at::kBool),
                         text_layout(length).coordinates_LA};
  return shard;
}

// Rows a second of one thread, gathered into batches; `row_at` says which row comes next.
template <class RowAt>
double row_rate(const BenchLoadOptions& options, const TokenSet& set, const RowAt& row_at) {
  const at::Tensor batch_BL = at::empty({options.batch, options.length}, at::kLong);
  std::int64_t* out = batch_BL.mutable_data_ptr<std::int64_t>();
  const RoleReader page(set, "page");
  const Stopwatch watch;
  for (std::int64_t position = 0; position < options.rows; ++position)
    page.copy_ids(row_at(position), out + position % options.batch * options.length);
  return static_cast<double>(options.rows) / watch.seconds();
}

}  // namespace

at::Tensor random_bench_ids(std::int64_t count, RandomKey key) {
  at::Tensor ids = at::empty({count}, at::kLong);
  std::int64_t* id = ids.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i)
    id[i] = static_cast<std::int64_t>(key.below(kBenchIds, static_cast<std::uint64_t>(i)));
  return ids;
}

void write_bench_pages(const BenchLoadOptions& options, const fs::path& directory) {
  fs::create_directories(directory);
  Manifest manifest;
  manifest.roles["page"] = {"bench", {"text", {kBenchIds}}};
  SplitEntry& split = manifest.splits["train"];
  for (std::int64_t begin = 0; begin < options.rows; begin += kShardRows) {
    const Shard shard = shard_of_pages(std::min(kShardRows, options.rows - begin), options.length,
                                       RandomKey::root(1).fold(static_cast<std::uint64_t>(begin)));
    const std::string file = "train-" + std::to_string(split.shards.size()) + ".h5";
    const FormattedShard formatted = format_shard(shard);
    std::ofstream(directory / file, std::ios::binary) << formatted.bytes;
    split.shards.push_back(describe_shard(file, shard, formatted, shard.rows()));
  }
  split.complete = true;
  write_manifest(directory, manifest);
}

RowRates row_rates(const BenchLoadOptions& options, const fs::path& directory) {
  const auto set = open_token_set(directory, "train", kBenchMemory);
  const ShuffledOrder order(set->group_rows(), kBenchWindow, RandomKey::root(2));
  return {row_rate(options, *set, [](std::int64_t position) { return position; }),
          row_rate(options, *set, [&order](std::int64_t position) { return order.row(position); })};
}

}  // namespace palimpsest
