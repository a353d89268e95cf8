// Whole scales (depths), roles and modalities: one rank for all that belongs together.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::vector<double> scale_ranks(const PatternPlaces& places, const PatternOptions&) {
  const RandomKey value = places.role_key.fold("scale");
  std::vector<double> ranks;
  for (std::size_t n = 0; n < places.offsets_N.size(); ++n) {
    ranks.push_back(value.uniform(static_cast<std::uint64_t>(places.coordinate(n, Axis::kDepth))));
  }
  return ranks;
}

std::vector<double> role_ranks(const PatternPlaces& places, const PatternOptions&) {
  return std::vector<double>(places.offsets_N.size(), places.role_key.fold("whole").uniform(0));
}

std::vector<double> modality_ranks(const PatternPlaces& places, const PatternOptions&) {
  return std::vector<double>(places.offsets_N.size(), places.modality_key.fold("whole").uniform(0));
}

}  // namespace palimpsest
