#include "experiments/training/dealer.h"

#include <algorithm>
#include <numeric>

namespace palimpsest {

std::vector<std::int64_t> Dealer::deal(const std::vector<std::int64_t>& sizes) {
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&sizes](auto a, auto b) { return sizes[a] > sizes[b]; });
  std::vector<std::int64_t> owners(sizes.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(load_.begin(), load_.end());
    *least += sizes[i];
    owners[i] = least - load_.begin();
  }
  return owners;
}

}  // namespace palimpsest
