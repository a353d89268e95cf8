#include "base/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

namespace palimpsest {
namespace {

TEST(ProcessMemory, TheHighestStaysUntilItIsForgotten) {
  constexpr std::int64_t kBytes = 64 << 20;
  const std::int64_t before = resident_bytes();
  EXPECT_GT(before, 0);
  void* const block = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, kBytes);
  EXPECT_GT(resident_bytes(), before + kBytes / 2);
  ::munmap(block, kBytes);
  EXPECT_LT(resident_bytes(), before + kBytes / 2);
  EXPECT_GT(highest_resident_bytes(), before + kBytes / 2);
  forget_highest_resident();
  EXPECT_LT(highest_resident_bytes(), before + kBytes / 2);
}

}  // namespace
}  // namespace palimpsest
