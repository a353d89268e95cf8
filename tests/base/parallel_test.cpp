#include "base/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/child.h"

namespace palimpsest {
namespace {

// Two threads while it lives.
struct TwoThreads {
  int before = at::get_num_threads();
  TwoThreads() { at::set_num_threads(2); }
  ~TwoThreads() { at::set_num_threads(before); }
};

TEST(ParallelFor, CoversEverythingOnceInParts) {
  const TwoThreads two;
  std::vector<int> seen(1000);
  std::atomic<int> calls = 0;
  parallel_for(0, 1000, 10, [&](std::int64_t begin, std::int64_t end) {
    ++calls;
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(calls, 2);  // one call would mean that this was built without OpenMP
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
}

TEST(ParallelFor, IsOneCallForLittleWorkAndInsideAnother) {
  const TwoThreads two;
  std::atomic<int> calls = 0;
  parallel_for(0, 5, 10, [&](std::int64_t, std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 1);
  parallel_for(0, 2, 1, [&](std::int64_t, std::int64_t) {
    parallel_for(0, 100, 1, [&](std::int64_t, std::int64_t) { ++calls; });
  });
  EXPECT_EQ(calls, 3);
  parallel_for(3, 3, 1, [&](std::int64_t, std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 3);
}

TEST(ParallelFor, HandsExceptionsOn) {
  const TwoThreads two;
  const auto fail = [](std::int64_t begin, std::int64_t) {
    if (begin > 0) throw std::runtime_error("second part");
  };
  EXPECT_THROW(parallel_for(0, 100, 1, fail), std::runtime_error);
}

// ATen's own ends the process, now and then, where threads that start together each ask for one thread.
TEST(SetNumThreads, MayBeCalledByManyThreadsAtOnce) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(status_of(start_child([] {
                std::vector<std::thread> threads;
                for (int t = 0; t < 8; ++t) threads.emplace_back([t] { set_num_threads(1 + t % 2); });
                for (std::thread& thread : threads) thread.join();
              })),
              0);
  }
}

}  // namespace
}  // namespace palimpsest
