// Whole objects, as the data's boxes have them; what belongs to none is for itself.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

std::vector<double> object_ranks(const PatternPlaces& places, const PatternOptions&) {
  if (places.objects == nullptr) {
    throw InputError("", "patterns.objects", "needs object boxes, which this data does not have");
  }
  const RandomKey value = places.role_key.fold("object");
  std::vector<double> ranks;
  for (const std::int64_t offset : places.offsets_N) {
    const std::int64_t object = places.objects[offset];
    ranks.push_back(object == 0 ? places.role_key.uniform(static_cast<std::uint64_t>(offset))
                                : value.uniform(static_cast<std::uint64_t>(object)));
  }
  return ranks;
}

}  // namespace palimpsest
