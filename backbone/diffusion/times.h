// Noise times of training: spread evenly, and a pure function of the sample.
//
// Shapes: B samples, K modalities.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/options.h"
#include "base/random.h"

namespace palimpsest {

// How the times of a block are drawn. stratified: one in each of its equal intervals (low-discrepancy; VDM, arXiv
// 2107.00630). antithetic: stratified, and those of mirrored intervals add up to 1 exactly. independent: each for
// itself.
enum class TimeDraw { kStratified, kAntithetic, kIndependent };
constexpr auto enum_names(TimeDraw) {
  return std::array{std::pair{TimeDraw::kStratified, "stratified"}, std::pair{TimeDraw::kAntithetic, "antithetic"},
                    std::pair{TimeDraw::kIndependent, "independent"}};
}

// Who shares a time. modality: each modality of each document has its own. document: one a document (UniDisc, arXiv
// 2503.20853). batch: one for all documents of a block.
enum class TimeCoupling { kModality, kDocument, kBatch };
constexpr auto enum_names(TimeCoupling) {
  return std::array{std::pair{TimeCoupling::kModality, "modality"}, std::pair{TimeCoupling::kDocument, "document"},
                    std::pair{TimeCoupling::kBatch, "batch"}};
}

struct TimesOptions {
  TimeDraw draw = TimeDraw::kStratified;
  TimeCoupling one_per = TimeCoupling::kModality;
  // Relative, over equal intervals of time; empty is uniform. Losses are divided by it.
  std::vector<double> density = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("draw", self.draw, "stratified, antithetic or independent over a batch");
    visitor("one_per", self.one_per, "who has a time of their own: modality, document or batch");
    visitor("density", self.density, "relative density of times over equal intervals; empty: uniform");
  }
  void validate() const;
};

// One draw from the density: where the uniform u falls, and 1/density there, which keeps expectations as they were.
struct WeighedTime {
  double time = 0, weight = 1;
};
WeighedTime draw_time(const std::vector<double>& density, double u);

// Uniform times of the samples with these global indices, in blocks of `block` (the global batch), float64 [B,K],
// before the density: a pure function of key and global index, whatever the micro-batch or worker. Stratified: sample i
// of modality k gets (rank of i in a keyed permutation of its block + uniform)/block. A batch's own time is stratified
// over kBatchesABlock batches.
inline constexpr std::int64_t kBatchesABlock = 64;
at::Tensor uniform_times_BK(const TimesOptions& options, RandomKey key, const std::vector<std::int64_t>& global_indices,
                            std::int64_t block, std::int64_t num_modalities);

}  // namespace palimpsest
