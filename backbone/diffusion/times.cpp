#include "backbone/diffusion/times.h"

#include <numeric>

namespace palimpsest {

namespace {

// The keys of one sample's draws and its place in its block.
struct SamplePlace {
  RandomKey block_key, sample_key;
  std::uint64_t index = 0, block = 1;
};

SamplePlace place_of(RandomKey key, std::int64_t index, std::int64_t block) {
  return {key.fold("block").fold(static_cast<std::uint64_t>(index / block)),
          key.fold("sample").fold(static_cast<std::uint64_t>(index)), static_cast<std::uint64_t>(index % block),
          static_cast<std::uint64_t>(block)};
}

double draw_uniform(TimeDraw draw, const SamplePlace& place, std::uint64_t column) {
  if (draw == TimeDraw::kIndependent) return place.sample_key.uniform(column);
  const std::uint64_t stratum = permuted_index(place.block_key.fold(column), place.index, place.block);
  double within = place.sample_key.uniform(column);
  if (draw == TimeDraw::kAntithetic) {
    const std::uint64_t mirror = place.block - 1 - stratum, pair = std::min(stratum, mirror);
    within = place.block_key.fold("pair").fold(column).uniform(pair);
    if (mirror < stratum) within = 1 - within;
  }
  return (static_cast<double>(stratum) + within) / static_cast<double>(place.block);
}

}  // namespace

void TimesOptions::validate() const {
  for (const double value : density) {
    if (!(value > 0)) throw InputError("", "density", "must be above 0 everywhere, or those times are never trained");
  }
}

WeighedTime draw_time(const std::vector<double>& density, double u) {
  if (density.empty()) return {u, 1.0};
  const auto bins = static_cast<double>(density.size());
  double before = 0, left = u * std::accumulate(density.begin(), density.end(), 0.0);
  std::size_t bin = 0;
  for (; bin + 1 < density.size() && left >= density[bin]; ++bin, ++before) left -= density[bin];
  const double mean = std::accumulate(density.begin(), density.end(), 0.0) / bins;
  return {(before + std::min(left / density[bin], 1.0)) / bins, mean / density[bin]};
}

at::Tensor uniform_times_BK(const TimesOptions& options, RandomKey key, const std::vector<std::int64_t>& global_indices,
                            std::int64_t block, std::int64_t num_modalities) {
  TORCH_CHECK(block > 0, "uniform_times_BK: the block must hold at least one sample, got ", block);
  const bool by_batch = options.one_per == TimeCoupling::kBatch;
  const std::int64_t own = options.one_per == TimeCoupling::kModality ? num_modalities : 1;
  const auto B = static_cast<std::int64_t>(global_indices.size());
  at::Tensor times_BK = at::empty({B, own}, at::kDouble);
  auto times = times_BK.accessor<double, 2>();
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t index = global_indices[static_cast<std::size_t>(b)];
    TORCH_CHECK(index >= 0, "uniform_times_BK: a global index must not be negative, got ", index);
    const SamplePlace place =
        by_batch ? place_of(key.fold("batch"), index / block, kBatchesABlock) : place_of(key, index, block);
    for (std::int64_t k = 0; k < own; ++k) {
      times[b][k] = draw_uniform(options.draw, place, static_cast<std::uint64_t>(k));
    }
  }
  return times_BK.expand({B, num_modalities}).contiguous();
}

}  // namespace palimpsest
