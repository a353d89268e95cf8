// ShuffledOrder: the order of one epoch, shuffled at two levels: row groups first, then rows within a window of groups.
//
// What lies together on the disk is read together, and yet rows come mixed: at any time only a window of groups is in
// use. A set that is no larger than a window is shuffled freely.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace palimpsest {

class ShuffledOrder {
 public:
  // Windows are the fewest groups with at least `window_rows` rows (the last one: what is left). c10::Error for a group
  // without rows or a window without any.
  ShuffledOrder(const std::vector<std::int64_t>& group_rows, std::int64_t window_rows, RandomKey key);

  std::int64_t rows() const { return window_ends_.empty() ? 0 : window_ends_.back(); }
  // The row at a position: a bijection of [0, rows()), a pure function of what the order was made with.
  std::int64_t row(std::int64_t position) const;
  // Which groups the window of a position is made of, in their shuffled order: what is worth reading ahead.
  std::vector<std::int64_t> window_groups(std::int64_t position) const;

 private:
  std::size_t window_of(std::int64_t position) const;

  RandomKey key_;
  std::vector<std::int64_t> groups_;      // shuffled
  std::vector<std::int64_t> group_ends_;  // positions before the end of each, in shuffled order, were nothing else done
  std::vector<std::int64_t> first_rows_;  // of each group, in shuffled order
  std::vector<std::int64_t> window_ends_;  // positions
};

}  // namespace palimpsest
