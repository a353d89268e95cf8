#include "backbone/diffusion/times.h"

namespace palimpsest {

at::Tensor stratified_times_BK(RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block,
                               std::int64_t num_modalities) {
  TORCH_CHECK(block > 0, "stratified_times_BK: the block must hold at least one sample, got ", block);
  const auto B = static_cast<std::int64_t>(global_indices.size());
  at::Tensor times_BK = at::empty({B, num_modalities}, at::kDouble);
  auto times = times_BK.accessor<double, 2>();
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t index = global_indices[static_cast<std::size_t>(b)];
    TORCH_CHECK(index >= 0, "stratified_times_BK: a global index must not be negative, got ", index);
    const RandomKey block_key = key.fold("block").fold(static_cast<std::uint64_t>(index / block));
    const RandomKey sample_key = key.fold("sample").fold(static_cast<std::uint64_t>(index));
    for (std::int64_t k = 0; k < num_modalities; ++k) {
      const auto stratum = permuted_index(block_key.fold(static_cast<std::uint64_t>(k)),
                                          static_cast<std::uint64_t>(index % block), static_cast<std::uint64_t>(block));
      times[b][k] = (static_cast<double>(stratum) + sample_key.uniform(static_cast<std::uint64_t>(k))) /
                    static_cast<double>(block);
    }
  }
  return times_BK;
}

}  // namespace palimpsest
