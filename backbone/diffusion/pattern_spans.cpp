// Contiguous runs: a new one begins at any position with probability 1/length, so that their lengths are geometric and
// no position is special.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::vector<double> span_ranks(const PatternPlaces& places, const PatternOptions& options) {
  const RandomKey begins = places.role_key.fold("begin"), value = places.role_key.fold("span");
  std::vector<double> ranks;
  for (const std::int64_t offset : places.offsets_N) {
    const auto counter = static_cast<std::uint64_t>(offset);
    const bool fresh = ranks.empty() || begins.uniform(counter) * options.length < 1;
    ranks.push_back(fresh ? value.uniform(counter) : ranks.back());
  }
  return ranks;
}

}  // namespace palimpsest
