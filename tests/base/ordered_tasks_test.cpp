// Results come in the order of the work, whatever the threads; what work throws reaches who takes it.
#include "base/ordered_tasks.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace palimpsest {
namespace {

TEST(OrderedTasks, ResultsComeInTheOrderOfTheWork) {
  for (const int threads : {1, 2, 4}) {
    OrderedTasks<int> tasks(threads);
    for (int number = 0; number < 200; ++number) tasks.give([number] { return number * number; });
    EXPECT_EQ(tasks.pending(), 200u);
    for (int number = 0; number < 200; ++number) EXPECT_EQ(tasks.take(), number * number);
  }
}

TEST(OrderedTasks, WorkRunsBesideOtherWork) {
  OrderedTasks<int> tasks(2);
  std::promise<int> from_second;
  tasks.give([waits = from_second.get_future().share()] { return waits.get(); });
  tasks.give([&from_second] {
    from_second.set_value(7);
    return 8;
  });
  EXPECT_EQ(tasks.take(), 7);
  EXPECT_EQ(tasks.take(), 8);
}

TEST(OrderedTasks, AnErrorIsThrownInItsPlaceAndNothingElseIsLost) {
  OrderedTasks<int> tasks(2);
  tasks.give([] { return 1; });
  tasks.give([]() -> int { throw std::runtime_error("second"); });
  tasks.give([] { return 3; });
  EXPECT_EQ(tasks.take(), 1);
  EXPECT_THROW(tasks.take(), std::runtime_error);
  EXPECT_EQ(tasks.take(), 3);
}

}  // namespace
}  // namespace palimpsest
