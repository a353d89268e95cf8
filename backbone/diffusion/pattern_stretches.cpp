// One stretch in reading order: from the beginning, up to the end, or anywhere. With n of N positions hit, n is u N
// rounded up or down at random, so that its mean is u N; which n they are is fixed.
#include "backbone/diffusion/pattern.h"

namespace palimpsest {

namespace {

// Ranks of positions that fall one after another: order_N[n] is when position n falls.
std::vector<double> ranks_of_order(const PatternPlaces& places, const std::vector<std::size_t>& order_N) {
  const double within = places.role_key.fold("rounding").uniform(0);
  std::vector<double> ranks;
  for (const std::size_t turn : order_N) {
    ranks.push_back((static_cast<double>(turn) + within) / static_cast<double>(order_N.size()));
  }
  return ranks;
}

}  // namespace

std::vector<double> prefix_ranks(const PatternPlaces& places, const PatternOptions&) {
  std::vector<std::size_t> order(places.offsets_N.size());
  for (std::size_t n = 0; n < order.size(); ++n) order[n] = n;
  return ranks_of_order(places, order);
}

std::vector<double> suffix_ranks(const PatternPlaces& places, const PatternOptions&) {
  std::vector<std::size_t> order(places.offsets_N.size());
  for (std::size_t n = 0; n < order.size(); ++n) order[n] = order.size() - 1 - n;
  return ranks_of_order(places, order);
}

// The stretch of n positions begins at floor(f (N - n + 1)) for one uniform f: every beginning is as likely, and each
// stretch holds the shorter ones.
std::vector<double> infill_ranks(const PatternPlaces& places, const PatternOptions&) {
  const std::size_t count = places.offsets_N.size();
  const double f = places.role_key.fold("begin").uniform(0);
  const auto begin_of = [&](std::size_t n) { return static_cast<std::size_t>(f * static_cast<double>(count - n + 1)); };
  std::vector<std::size_t> order(count);
  order[begin_of(1)] = 0;
  for (std::size_t n = 2; n <= count; ++n) {
    const bool grows_left = begin_of(n) < begin_of(n - 1);
    order[grows_left ? begin_of(n) : begin_of(n - 1) + n - 1] = n - 1;
  }
  return ranks_of_order(places, order);
}

}  // namespace palimpsest
