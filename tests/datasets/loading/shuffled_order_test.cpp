#include "datasets/loading/shuffled_order.h"

#include <gmock/gmock.h>

#include <numeric>

#include "tests/support/soak.h"

namespace palimpsest {
namespace {

const RandomKey kOrderKey = RandomKey::root(4).fold("order");

std::vector<std::int64_t> random_groups(RandomKey key) {
  std::vector<std::int64_t> groups(1 + key.below(20, 0));
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = 1 + static_cast<std::int64_t>(key.below(9, i + 1));
  return groups;
}

std::vector<std::int64_t> all_rows(const ShuffledOrder& order) {
  std::vector<std::int64_t> rows;
  for (std::int64_t position = 0; position < order.rows(); ++position) rows.push_back(order.row(position));
  return rows;
}

TEST(ShuffledOrder, IsABijectionOfTheRowsWhateverTheGroupsAndTheWindow) {
  for (std::uint64_t round = 0; round < 50 * soak_factor(); ++round) {
    const RandomKey key = kOrderKey.fold(round);
    const auto groups = random_groups(key);
    const ShuffledOrder order(groups, 1 + static_cast<std::int64_t>(key.below(40, 99)), key);
    auto rows = all_rows(order);
    std::sort(rows.begin(), rows.end());
    std::vector<std::int64_t> expected(
        static_cast<std::size_t>(std::accumulate(groups.begin(), groups.end(), std::int64_t{0})));
    std::iota(expected.begin(), expected.end(), 0);
    ASSERT_EQ(rows, expected) << round;
  }
}

// Positions of a window are rows of its groups, all of them; no group is in two windows.
TEST(ShuffledOrder, AWindowHoldsWholeGroupsAndNoMoreThanItNeeds) {
  const auto groups = random_groups(kOrderKey.fold(3));
  std::vector<std::int64_t> group_of;
  for (std::size_t group = 0; group < groups.size(); ++group)
    group_of.insert(group_of.end(), static_cast<std::size_t>(groups[group]), static_cast<std::int64_t>(group));
  const std::int64_t window = 12;
  const ShuffledOrder order(groups, window, kOrderKey);
  std::set<std::int64_t> seen;
  for (std::int64_t begin = 0; begin < order.rows();) {
    const auto together = order.window_groups(begin);
    std::int64_t size = 0, smaller = 0;
    for (const std::int64_t group : together) {
      EXPECT_TRUE(seen.insert(group).second);
      smaller = size;
      size += groups[static_cast<std::size_t>(group)];
    }
    EXPECT_LT(smaller, window);
    EXPECT_TRUE(size >= window || begin + size == order.rows());
    for (std::int64_t position = begin; position < begin + size; ++position) {
      EXPECT_EQ(order.window_groups(position), together);
      EXPECT_THAT(together, testing::Contains(group_of[static_cast<std::size_t>(order.row(position))]));
    }
    begin += size;
  }
  EXPECT_EQ(seen.size(), groups.size());
}

TEST(ShuffledOrder, MixesGroupsAndRowsAnewWithEveryKey) {
  const std::vector<std::int64_t> groups(40, 25);
  const auto one = all_rows(ShuffledOrder(groups, 100, kOrderKey)),
             same = all_rows(ShuffledOrder(groups, 100, kOrderKey)),
             other = all_rows(ShuffledOrder(groups, 100, kOrderKey.fold(1)));
  EXPECT_EQ(one, same);
  std::size_t alike = 0, next = 0;
  for (std::size_t i = 0; i + 1 < one.size(); ++i) {
    alike += one[i] == other[i];
    next += one[i + 1] == one[i] + 1;
  }
  EXPECT_LT(alike, 15u);
  EXPECT_LT(next, 40u);
}

TEST(ShuffledOrder, RefusesWhatHasNoRows) {
  EXPECT_THROW(ShuffledOrder({3, 0}, 5, kOrderKey), c10::Error);
  EXPECT_THROW(ShuffledOrder({3}, 0, kOrderKey), c10::Error);
  EXPECT_THROW(ShuffledOrder({3}, 5, kOrderKey).row(3), c10::Error);
}

}  // namespace
}  // namespace palimpsest
