// The two halves of a role along an axis. Their ranks are half a turn apart: below u = 1/2 at most one of them is hit,
// above it at least one.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

namespace {

std::int64_t extent(const Role& role, Axis axis) {
  return 1 + role.layout.coordinates_LA.select(1, static_cast<std::int64_t>(axis)).max().item<std::int32_t>();
}

// The asked axis, or one of those that can be cut.
Axis choose_axis(const PatternPlaces& places, HalvesAxis asked) {
  if (asked != HalvesAxis::kAny) return static_cast<Axis>(static_cast<int>(asked) - 1);
  std::vector<Axis> long_enough;
  for (const Axis axis : {Axis::kDepth, Axis::kRow, Axis::kColumn}) {
    if (extent(*places.role, axis) > 1) long_enough.push_back(axis);
  }
  if (long_enough.empty()) return Axis::kRow;
  return long_enough[places.role_key.fold("axis").below(long_enough.size(), 0)];
}

}  // namespace

std::vector<double> half_ranks(const PatternPlaces& places, const PatternOptions& options) {
  const Axis axis = choose_axis(places, options.axis);
  const std::int64_t middle = extent(*places.role, axis) / 2;
  const double first = places.role_key.fold("half").uniform(0);
  std::vector<double> ranks;
  for (std::size_t n = 0; n < places.offsets_N.size(); ++n) {
    const bool far = places.coordinate(n, axis) >= middle;
    ranks.push_back(far ? std::fmod(first + 0.5, 1.0) : first);
  }
  return ranks;
}

}  // namespace palimpsest
