// 2-D blocks of size x size positions on a grid of drawn phase; all depths of a place belong to one block.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::vector<double> block_ranks(const PatternPlaces& places, const PatternOptions& options) {
  const auto size = static_cast<std::uint64_t>(options.size);
  const RandomKey phase = places.role_key.fold("phase"), value = places.role_key.fold("block");
  std::vector<double> ranks;
  for (std::size_t n = 0; n < places.offsets_N.size(); ++n) {
    const auto row = static_cast<std::uint64_t>(places.coordinate(n, Axis::kRow)) + phase.below(size, 0);
    const auto column = static_cast<std::uint64_t>(places.coordinate(n, Axis::kColumn)) + phase.below(size, 1);
    ranks.push_back(value.fold(row / size).uniform(column / size));
  }
  return ranks;
}

}  // namespace palimpsest
