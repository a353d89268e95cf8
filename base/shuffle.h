// Numbers in order, and in a keyed order.
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"

namespace palimpsest {

// 0..size-1.
inline std::vector<std::size_t> counted(std::size_t size) {
  std::vector<std::size_t> numbers(size);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

// The same in an order drawn by the key, every order alike (Fisher and Yates).
inline std::vector<std::size_t> shuffled(std::size_t size, RandomKey key) {
  std::vector<std::size_t> numbers = counted(size);
  for (std::size_t i = size; i > 1; --i) std::swap(numbers[i - 1], numbers[key.below(i, i)]);
  return numbers;
}

}  // namespace palimpsest
