// Packing: documents of many lengths to canvases of long rows.
#include <numeric>

#include "experiments/cli/bench_load.h"
#include "experiments/cli/measure.h"
#include "modalities/canvas/packing.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kPackedRow = 1024, kPackedDocuments = 4096, kShortestDocument = 16;

}  // namespace

PackingFigures packing_figures(const BenchLoadOptions& options) {
  const CanvasSchema schema({{"page", text_layout(options.length), true}}, Vocabulary({{"text", {kBenchIds}}}));
  std::vector<Document> documents(static_cast<std::size_t>(kPackedDocuments));
  const RandomKey key = RandomKey::root(3);
  const std::int64_t longest = std::max(options.length, kShortestDocument + 1);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto length = kShortestDocument + static_cast<std::int64_t>(
                                                key.below(static_cast<std::uint64_t>(longest - kShortestDocument), i));
    documents[i].roles["page"] = {random_bench_ids(std::min(length, options.length), key.fold(i)), false, {}};
  }
  const Stopwatch watch;
  std::vector<std::int64_t> lengths;
  for (const Document& document : documents) lengths.push_back(packed_length(schema, document));
  const std::int64_t row = std::max(kPackedRow, options.length);
  const TokenCanvas canvas = pack_canvas(schema, documents, best_fit(lengths, row), row);
  const double tokens = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
  return {tokens / watch.seconds(), fill_of(canvas)};
}

}  // namespace palimpsest
