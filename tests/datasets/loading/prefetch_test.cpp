#include "datasets/loading/prefetch.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <vector>

namespace palimpsest {
namespace {

TEST(Prefetcher, GivesEveryItemInOrderAndFromAnyNumberOn) {
  Prefetcher<std::int64_t> squares([](std::int64_t number) { return number * number; }, 3);
  for (const std::int64_t first : {0, 5, 1000, 2}) {
    for (std::int64_t number = first; number < first + 50; ++number) ASSERT_EQ(squares.take(number), number * number);
  }
  EXPECT_EQ(squares.take(7), 49);
  EXPECT_EQ(squares.take(7), 49) << "asked for again";
  EXPECT_GE(squares.waited_seconds(), 0);
}

TEST(Prefetcher, MakesNoMoreAheadThanItsDepth) {
  std::atomic<std::int64_t> made = 0;
  Prefetcher<std::unique_ptr<int>> items(
      [&made](std::int64_t number) {
        ++made;
        return std::make_unique<int>(static_cast<int>(number));
      },
      2);
  for (std::int64_t number = 0; number < 20; ++number) {
    EXPECT_EQ(*items.take(number), number);
    EXPECT_LE(made, number + 1 + 3) << "those waiting, and the one being made";
  }
}

TEST(Prefetcher, WhatCannotBeMadeIsToldWhereItIsTaken) {
  Prefetcher<std::int64_t> items(
      [](std::int64_t number) {
        if (number == 3) throw std::runtime_error("no third");
        return number;
      },
      4);
  for (std::int64_t number = 0; number < 3; ++number) EXPECT_EQ(items.take(number), number);
  EXPECT_THROW(items.take(3), std::runtime_error);
  EXPECT_THROW(items.take(3), std::runtime_error);
  EXPECT_EQ(items.take(4), 4);
}

TEST(Prefetcher, OneThatIsNeverAskedStartsNothing) {
  const Prefetcher<int> items([](std::int64_t) -> int { throw std::logic_error("made"); }, 1);
  EXPECT_EQ(items.waited_seconds(), 0);
}

}  // namespace
}  // namespace palimpsest
