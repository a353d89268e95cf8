// Failpoints: dead or out of room at the call that the environment names, and nowhere else.
#include "base/failpoint.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "tests/support/child.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// PALIMPSEST_FAILPOINT while it lives.
class Armed {
 public:
  explicit Armed(const char* text) { ::setenv("PALIMPSEST_FAILPOINT", text, 1); }
  ~Armed() { ::unsetenv("PALIMPSEST_FAILPOINT"); }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
};

TEST(Failpoint, CountsItsCalls) {
  EXPECT_FALSE(killed_at("here:3", [] { failpoint("here"), failpoint("there"), failpoint("here"); }));
  EXPECT_TRUE(killed_at("here:3", [] { failpoint("here"), failpoint("here"), failpoint("here"); }));
  EXPECT_TRUE(killed_at("here:2:kill", [] { failpoint("here"), failpoint("here"); }));
  EXPECT_TRUE(killed_at("here", [] { failpoint("here"); }));
  EXPECT_FALSE(killed_at("", [] { failpoint("here"); }));
}

TEST(Failpoint, AFullDiskNamesTheFile) {
  const ScratchFolder folder;
  // In a child, for calls are counted by the process.
  status_of(start_child([&] {
    const Armed armed("here:1:full");
    folder.write("message", message_of<IoError>([] { failpoint("here", "out/shard.h5"); }));
  }));
  EXPECT_THAT(folder.read("message"), HasSubstr("out/shard.h5: cannot write: No space left on device"));
}

TEST(Failpoint, AFileThatTheDiskHasNoRoomForIsAsItWas) {
  for (const char* point : {"file.middle:1:full", "file.before_sync:1:full", "file.before_rename:1:full"}) {
    const ScratchFolder folder;
    folder.write("file", "old");
    const int status = status_of(start_child([&] {
      ::setenv("PALIMPSEST_FAILPOINT", point, 1);
      write_file_atomically(folder / "file", "new");
    }));
    EXPECT_EQ(WEXITSTATUS(status), 1) << point;
    EXPECT_EQ(folder.read("file"), "old") << point;
    const auto begin = std::filesystem::directory_iterator(folder.path());
    EXPECT_EQ(std::distance(begin, std::filesystem::directory_iterator()), 1) << point;
  }
}

TEST(Failpoint, WhatIsPassedIsListedInOrder) {
  const ScratchFolder folder;
  EXPECT_THAT(failpoints_of([&] {
                write_file_atomically(folder / "file", "text");
                failpoint("file.middle");
              }),
              ElementsAre("file.middle:1", "file.before_sync:1", "file.before_rename:1", "file.after_rename:1",
                          "file.middle:2"));
}

TEST(Failpoint, AWordThatIsWrongIsRefused) {
  for (const char* wrong : {"here:x", "here:0", "here:2x"}) {
    const Armed armed(wrong);
    EXPECT_THAT(message_of<InputError>([] { failpoint("here"); }),
                HasSubstr("PALIMPSEST_FAILPOINT: NAME:COUNT[:kill|full] is needed"));
  }
  const Armed armed("here:1:ful");
  EXPECT_THAT(message_of<InputError>([] { failpoint("here"); }),
              HasSubstr("unknown value 'ful'; did you mean 'full'?"));
}

}  // namespace
}  // namespace palimpsest
