// What 'palimpsest bench load' measures, each in a file of its own.
//
// Shapes: B rows, L positions.
#pragma once

#include <filesystem>

#include "base/random.h"
#include "experiments/cli/facts.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

struct BenchLoadOptions {
  std::string tar = "datasets/bundled/emoji4/emoji4.tar.gz", bpe = "tests/data/gpt2";
  std::int64_t pixels = 32, caption = 32, batch = 64;
  std::int64_t rows = 100'000, length = 320, pairs = 3, steps = 20;
  bool alone = false, json = false;

  void validate() const;
};

inline constexpr std::int64_t kBenchIds = 5632;       // of the vocabulary
inline constexpr std::int64_t kBenchWindow = 16'384;  // rows that are shuffled together
inline constexpr std::int64_t kBenchMemory =
    32 << 20;  // bytes; less than the rows take: they are read and verified again and again

// `count` ids of the vocabulary, int64.
at::Tensor random_bench_ids(std::int64_t count, RandomKey key);

// A plain tar of the same members, in `folder` where `tar` is packed: what both sides read.
std::filesystem::path plain_tar(const std::filesystem::path& tar, const std::filesystem::path& folder);

// Samples a second of one thread: tar, decoding, resizing, text to ids, batches of pictures.
double media_rate(const BenchLoadOptions& options, const std::filesystem::path& tar, const Tokenizer& bpe);

// A prepared directory of options.rows rows of options.length ids.
void write_bench_pages(const BenchLoadOptions& options, const std::filesystem::path& directory);

// Rows a second of one thread, gathered into batches.
struct RowRates {
  double in_order = 0, shuffled = 0;
};
RowRates row_rates(const BenchLoadOptions& options, const std::filesystem::path& directory);

// Documents of 16 ids up to a whole row's length made canvases of long rows.
struct PackingFigures {
  double tokens_per_second = 0, fill = 0;
};
PackingFigures packing_figures(const BenchLoadOptions& options);

// Which share of a training step on those rows is spent waiting for its batch.
Facts stall_facts(const BenchLoadOptions& options, const std::filesystem::path& directory);

}  // namespace palimpsest
