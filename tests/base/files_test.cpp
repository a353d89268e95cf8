#include "base/files.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/file_stream.h"
#include "base/random.h"
#include "tests/support/child.h"
#include "tests/support/full_disk.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(Files, ReadsWhatWasWritten) {
  const ScratchFolder scratch;
  const std::string content("a\0b\n\xff", 5);
  write_file_atomically(scratch / "a", content);
  EXPECT_EQ(read_file(scratch / "a"), content);
  write_file_atomically(scratch / "a", "");
  EXPECT_EQ(read_file(scratch / "a"), "");
  EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(Files, ReadsFilesWhoseSizeIsNotKnown) {
  EXPECT_NE(read_file("/proc/self/status").find("Name:"), std::string::npos);
}

TEST(Files, NamesWhatCannotBeRead) {
  const ScratchFolder scratch;
  EXPECT_EQ(message_of<InputError>([] { read_file("/no/such"); }), "/no/such: no such file");
  EXPECT_EQ(message_of<InputError>([&] { read_file(scratch.path()); }),
            scratch.path().string() + ": is a directory, not a file");
}

TEST(Files, AFullDiskLeavesWhatWasThere) {
  const ScratchFolder scratch;
  write_file_atomically(scratch / "a", "before");
  const std::string message = [&] {
    const FullDisk full(1000);
    return message_of<IoError>([&] { write_file_atomically(scratch / "a", std::string(5000, 'x')); });
  }();
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_NE(message.find("/a"), std::string::npos) << message;
  EXPECT_EQ(scratch.read("a"), "before");
  EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(Files, AFolderThatIsNotThereIsAnIoError) {
  EXPECT_THROW(write_file_atomically("/no/such/folder/a", "x"), IoError);
}

TEST(Files, KilledAtAnyPointTheFileIsOldOrNew) {
  for (const char* point : {"file.before_sync", "file.before_rename", "file.after_rename"}) {
    const ScratchFolder scratch;
    write_file_atomically(scratch / "a", "old");
    ASSERT_TRUE(killed_at(point, [&] { write_file_atomically(scratch / "a", "new"); })) << point;
    EXPECT_EQ(scratch.read("a"), std::string(point) == "file.after_rename" ? "new" : "old") << point;
    write_file_atomically(scratch / "a", "newer");
    EXPECT_EQ(scratch.read("a"), "newer");
  }
}

TEST(AtomicFile, IsThereWholeOnceItIsCommitted) {
  const ScratchFolder scratch;
  {
    AtomicFile file(scratch / "a", 6);
    file.write("ab");
    file.write("cdef");
    EXPECT_FALSE(fs::exists(scratch / "a"));
    file.commit();
  }
  EXPECT_EQ(scratch.read("a"), "abcdef");
  { AtomicFile(scratch / "b", 6).write("abc"); }
  EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(Files, HashesOfFilesAreThoseOfTheirBytes) {
  const ScratchFolder scratch;
  for (const std::size_t size : {0, 1, 1000, (1 << 20), (3 << 20) + 17}) {
    std::string content(size, 'x');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * i / 7);
    write_file_atomically(scratch / "a", content);
    EXPECT_EQ(file_hash_hex(scratch / "a"), hash64_hex(content)) << size;
  }
  EXPECT_THROW(file_hash_hex(scratch / "none"), IoError);
}

TEST(AtomicDirectory, HasItsNameOnlyWhenCommitted) {
  const ScratchFolder scratch;
  {
    AtomicDirectory directory(scratch / "made/whole");
    write_file_atomically(directory.working() / "inside", "1");
    EXPECT_FALSE(fs::exists(scratch / "made/whole"));
    directory.commit();
  }
  EXPECT_EQ(scratch.read("made/whole/inside"), "1");
  EXPECT_EQ(entries(scratch / "made"), 1u);
  { AtomicDirectory abandoned(scratch / "made/never"); }
  EXPECT_EQ(entries(scratch / "made"), 1u);
}

TEST(AtomicDirectory, ReplacesAnExistingOneWhole) {
  const ScratchFolder scratch;
  for (const char* name : {"first", "second"}) {
    AtomicDirectory directory(scratch / "d/");
    write_file_atomically(directory.working() / name, name);
    directory.commit();
  }
  EXPECT_EQ(scratch.read("d/second"), "second");
  EXPECT_EQ(entries(scratch / "d"), 1u);
  EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(AtomicDirectory, KilledAtAnyPointTheDirectoryIsOldOrNewAndTheRestIsSweptUp) {
  const auto replace = [](const ScratchFolder& scratch, const std::string& content) {
    AtomicDirectory directory(scratch / "d");
    write_file_atomically(directory.working() / "inside", content);
    directory.commit();
  };
  const auto points = failpoints_of([&] { replace(ScratchFolder(), "seen"); });
  EXPECT_THAT(points, testing::IsSupersetOf({"file.middle:1", "directory.before_sync:1", "directory.before_rename:1"}));
  for (const std::string& point : points) {
    const ScratchFolder scratch;
    replace(scratch, "old");
    ASSERT_TRUE(killed_at(point, [&] { replace(scratch, "new"); })) << point;
    EXPECT_EQ(scratch.read("d/inside"), point == "directory.after_rename:1" ? "new" : "old") << point;
    replace(scratch, "newest");
    EXPECT_EQ(scratch.read("d/inside"), "newest");
    EXPECT_EQ(entries(scratch.path()), 1u) << "what the killed process left is gone";
  }
}

TEST(AtomicDirectory, KilledAtRandomMomentsTheDirectoryIsWhole) {
  const RandomKey key = RandomKey::root(1).fold("kill");
  const ScratchFolder scratch;
  const auto write_whole = [&](int version) {
    AtomicDirectory directory(scratch / "d");
    for (const char* name : {"one", "two", "three"}) {
      write_file_atomically(directory.working() / name, std::to_string(version));
    }
    directory.commit();
  };
  write_whole(-1);
  for (std::uint64_t round = 0; round < 5 * soak_factor(); ++round) {
    const auto keep_writing = [&] {
      for (int version = 0;; ++version) write_whole(version);
    };
    ASSERT_TRUE(killed_after(static_cast<std::int64_t>(key.below(20'000, round)), keep_writing));
    const std::string version = scratch.read("d/one");
    ASSERT_NE(version, "");
    EXPECT_EQ(scratch.read("d/two"), version);
    EXPECT_EQ(scratch.read("d/three"), version);
  }
}

TEST(Hash, KnownAnswersOfXxh3) {
  EXPECT_EQ(hash64_hex(""), "2d06800538d394c2");
  EXPECT_EQ(hash64_hex("a"), "e6c632b61e964e1f");
  EXPECT_NE(hash64("a", 1), hash64("a", 2));
}

}  // namespace
}  // namespace palimpsest
