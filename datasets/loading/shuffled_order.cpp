#include "datasets/loading/shuffled_order.h"

#include <algorithm>

namespace palimpsest {

ShuffledOrder::ShuffledOrder(const std::vector<std::int64_t>& group_rows, std::int64_t window_rows, RandomKey key)
    : key_(key.fold("rows")) {
  TORCH_CHECK(window_rows > 0, "ShuffledOrder: a window has rows, got ", window_rows);
  std::vector<std::int64_t> begins{0};
  for (const std::int64_t rows : group_rows) {
    TORCH_CHECK(rows > 0, "ShuffledOrder: a group has rows, got ", rows);
    begins.push_back(begins.back() + rows);
  }
  const RandomKey order = key.fold("groups");
  std::int64_t end = 0, window_begin = 0;
  for (std::size_t place = 0; place < group_rows.size(); ++place) {
    const auto group = static_cast<std::size_t>(permuted_index(order, place, group_rows.size()));
    groups_.push_back(static_cast<std::int64_t>(group));
    first_rows_.push_back(begins[group]);
    end += group_rows[group];
    group_ends_.push_back(end);
    if (end - window_begin < window_rows && place + 1 < group_rows.size()) continue;
    window_ends_.push_back(end);
    window_begin = end;
  }
}

std::size_t ShuffledOrder::window_of(std::int64_t position) const {
  TORCH_CHECK(0 <= position && position < rows(), "ShuffledOrder: position ", position, " of ", rows());
  return static_cast<std::size_t>(std::upper_bound(window_ends_.begin(), window_ends_.end(), position) -
                                  window_ends_.begin());
}

std::int64_t ShuffledOrder::row(std::int64_t position) const {
  const std::size_t window = window_of(position);
  const std::int64_t begin = window == 0 ? 0 : window_ends_[window - 1];
  const auto size = static_cast<std::uint64_t>(window_ends_[window] - begin);
  const std::int64_t shuffled = begin + static_cast<std::int64_t>(permuted_index(
                                            key_.fold(window), static_cast<std::uint64_t>(position - begin), size));
  const auto group = static_cast<std::size_t>(std::upper_bound(group_ends_.begin(), group_ends_.end(), shuffled) -
                                              group_ends_.begin());
  return first_rows_[group] + shuffled - (group == 0 ? 0 : group_ends_[group - 1]);
}

std::vector<std::int64_t> ShuffledOrder::window_groups(std::int64_t position) const {
  const std::size_t window = window_of(position);
  const std::int64_t begin = window == 0 ? 0 : window_ends_[window - 1];
  std::vector<std::int64_t> groups;
  for (std::size_t place = 0; place < groups_.size(); ++place) {
    if (group_ends_[place] > begin && group_ends_[place] <= window_ends_[window]) groups.push_back(groups_[place]);
  }
  return groups;
}

}  // namespace palimpsest
