// Every position for itself.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::vector<double> iid_ranks(const PatternPlaces& places, const PatternOptions&) {
  std::vector<double> ranks;
  ranks.reserve(places.offsets_N.size());
  for (const std::int64_t offset : places.offsets_N) {
    ranks.push_back(places.role_key.uniform(static_cast<std::uint64_t>(offset)));
  }
  return ranks;
}

}  // namespace palimpsest
