// Killed, interrupted or out of room at any moment and started again, preparing leaves the bytes of the run that was
// left alone.
#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"
#include "tests/support/full_disk.h"
#include "tests/support/message.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

constexpr int kInterruptedCode = 130;

class Resume : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tiny_ = new TinyPreparation;
    tiny_->prepare(tiny_->captions(), "captions");
    tiny_->prepare(tiny_->options(), "everything");
  }
  static void TearDownTestSuite() {
    delete tiny_;
    tiny_ = nullptr;
  }
  static const TinyPreparation& tiny() { return *tiny_; }

  // A speech program that first runs `lines` of shell, then speaks; settings name it, so it has preparations of its
  // own.
  static PrepareOptions with_program(const std::string& lines) {
    const auto path = tiny_->folder.write("speak.sh", "#!/bin/sh\n" + lines + "\nexec flite \"$@\"\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    PrepareOptions options = tiny_->options();
    options.data.speech.program = path.string();
    return options;
  }
  static PrepareOptions with_cache(PrepareOptions options, const std::string& name) {
    options.data.speech.cache = (tiny_->folder / name).string();
    return options;
  }

  static inline TinyPreparation* tiny_ = nullptr;
};

TEST_F(Resume, AfterAKillAtAnyPointTheBytesAreThoseOfTheUndisturbedRun) {
  const auto whole = tiny().files("captions");
  const auto points = failpoints_of([] { tiny().prepare(tiny().captions(), "watched"); });
  EXPECT_THAT(points,
              testing::IsSupersetOf({"file.middle:1", "prepare.before_ledger_sync:1", "prepare.after_shard:3"}));
  for (const std::string& point : points) {
    const std::string name = "killed at " + point;
    ASSERT_TRUE(killed_at(point, [&] { tiny().prepare(tiny().captions(), name); })) << point;
    tiny().prepare(tiny().captions(), name);
    EXPECT_EQ(differences(tiny().files(name), whole), "") << point;
  }
}

TEST_F(Resume, OutOfRoomAtAnyPointTheRunStopsAndGoesOnToTheSameBytes) {
  const auto whole = tiny().files("captions");
  for (const std::string& point : failpoints_of([] { tiny().prepare(tiny().captions(), "watched again"); })) {
    const std::string name = "full at " + point;
    const int status = status_of(start_child([&] {
      ::setenv("PALIMPSEST_FAILPOINT", (point + ":full").c_str(), 1);
      tiny().prepare(tiny().captions(), name);
    }));
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << point;
    tiny().prepare(tiny().captions(), name);
    EXPECT_EQ(differences(tiny().files(name), whole), "") << point;
  }
}

TEST_F(Resume, AfterKillsOfEveryRoleTheBytesAreThoseOfTheUndisturbedRun) {
  const auto whole = tiny().files("everything");
  const std::string name = "killed often";
  for (const char* point :
       {"prepare.after_ledger:1", "file.before_rename:3", "prepare.after_shard:2", "file.after_rename:2"}) {
    ASSERT_TRUE(killed_at(point, [&] { tiny().prepare(tiny().options(), name); })) << point;
  }
  tiny().prepare(tiny().options(), name);
  EXPECT_EQ(differences(tiny().files(name), whole), "");
}

TEST_F(Resume, AfterAKillAtARandomMomentTheBytesAreThoseOfTheUndisturbedRun) {
  const RandomKey key = RandomKey::root(4).fold("kill");
  const auto whole = tiny().files("everything");
  for (std::uint64_t round = 0; round < 4 * soak_factor(); ++round) {
    const std::string name = "killed in round " + std::to_string(round);
    // Every other round also speaks anew.
    const PrepareOptions options =
        round % 2 == 0 ? tiny().options() : with_cache(tiny().options(), "speech of " + name);
    PrepareRun run;
    run.workers = 1 + static_cast<std::int64_t>(round % 3);
    const auto prepare = [&] { prepare_data(options, tiny().folder / name, run); };
    killed_after(static_cast<std::int64_t>(key.below(400'000, round)), prepare);
    prepare();
    EXPECT_EQ(differences(tiny().files(name), whole), "") << round;
  }
}

TEST_F(Resume, AShardThatWasWrittenButNeverListedIsMadeAgain) {
  ASSERT_TRUE(killed_at("prepare.before_ledger:2", [] { tiny().prepare(tiny().captions(), "unlisted"); }));
  tiny().folder.write("unlisted/train-00000.h5", "half a sha");
  tiny().prepare(tiny().captions(), "unlisted");
  EXPECT_EQ(differences(tiny().files("unlisted"), tiny().files("captions")), "");
}

TEST_F(Resume, ALedgerThatLostItsEndIsRefusedByName) {
  ASSERT_TRUE(killed_at("prepare.after_shard:2", [] { tiny().prepare(tiny().captions(), "short"); }));
  std::filesystem::resize_file(tiny().folder / "short/ledger.jsonl", 10);
  EXPECT_THAT(message_of<InputError>([] { tiny().prepare(tiny().captions(), "short"); }),
              HasSubstr("ledger.jsonl: is shorter than the manifest says"));
}

TEST_F(Resume, AFolderWithNamesThatAreNoTextIsResumedTheSame) {
  PrepareOptions options = tiny().captions();
  options.data.source = (tiny().folder / "named").string();
  options.data.splits = {{"all", {}}};
  options.prepare = {2, 1};
  for (const char* name : {"named/a.txt", "named/b\xff.txt", "named/b\xfe.txt", "named/c.txt", "named/d.txt"})
    tiny().folder.write(name, "a caption");
  tiny().prepare(options, "named whole");
  EXPECT_EQ(tiny().ledger("named whole").size(), 5u);
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [&] { tiny().prepare(options, "named resumed"); }));
  tiny().prepare(options, "named resumed");
  EXPECT_EQ(differences(tiny().files("named resumed"), tiny().files("named whole")), "");
}

TEST_F(Resume, VariantsOfASampleThatAShardEndedBetweenAreNotLostNorMadeTwice) {
  PrepareOptions options = tiny().captions();
  options.data.splits["train"].variation.copies = 2;
  tiny().prepare(options, "varied whole");
  ASSERT_TRUE(killed_at("prepare.after_shard:3", [&] { tiny().prepare(options, "varied"); }));
  tiny().prepare(options, "varied");
  EXPECT_EQ(differences(tiny().files("varied"), tiny().files("varied whole")), "");
  EXPECT_EQ(tiny().ledger("varied").size(), 12u + 3u * 12u);
}

TEST_F(Resume, ASignalLeavesWhatIsDoneAndNothingOfWhatItCutShort) {
  const std::string marker = (tiny().folder / "signalled").string();
  // Voices r... and s... speak the split "train" alone, when "held-out" is done; automobiles come last.
  const PrepareOptions options = with_program("case \"$*\" in *'-voice '[rs]*automobile*) mkdir '" + marker +
                                              "' 2>/dev/null && kill -TERM $PPID;; esac");
  const pid_t child = start_child([&] {
    catch_interrupts();
    try {
      tiny().prepare(with_cache(options, "speech one"), "interrupted");
    } catch (const Interrupted&) {
      ::_exit(kInterruptedCode);
    }
  });
  const int status = status_of(child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kInterruptedCode);
  ASSERT_TRUE(std::filesystem::exists(marker));
  EXPECT_GE(tiny().ledger("interrupted").size(), 8u);
  tiny().prepare(with_cache(options, "speech two"), "not interrupted");
  EXPECT_NE(differences(tiny().files("interrupted"), tiny().files("not interrupted")), "");
  tiny().prepare(with_cache(options, "speech one"), "interrupted");
  EXPECT_EQ(differences(tiny().files("interrupted"), tiny().files("not interrupted")), "");
}

TEST_F(Resume, ASoundThatIsNotWholeStopsTheRunAndNoSampleIsLost) {
  const std::string marker = (tiny().folder / "no room").string();
  const PrepareOptions options =
      with_program("[ -e '" + marker +
                   "' ] && flite \"$@\" && for last; do :; done && truncate -s 3000 \"$last\" 2>/dev/null && exit 0");
  tiny().prepare(with_cache(options, "speech three"), "with room");
  tiny().folder.write("no room", "");
  EXPECT_THAT(message_of<IoError>([&] { tiny().prepare(with_cache(options, "speech four"), "without room"); }),
              HasSubstr("is the disk full?"));
  std::filesystem::remove(marker);
  tiny().prepare(with_cache(options, "speech four"), "without room");
  EXPECT_EQ(differences(tiny().files("without room"), tiny().files("with room")), "");
}

TEST_F(Resume, AFullDiskIsNamedAndLeavesWhatWasThere) {
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [] { tiny().prepare(tiny().captions(), "filled"); }));
  const auto before = tiny().files("filled");
  const std::string message = [] {
    const FullDisk full(6000);
    return message_of<IoError>([] { tiny().prepare(tiny().captions(), "filled"); });
  }();
  EXPECT_THAT(message, HasSubstr("filled/held-out-00001.h5: cannot write: File too large"));
  EXPECT_EQ(differences(tiny().files("filled"), before), "");
  tiny().prepare(tiny().captions(), "filled");
  EXPECT_EQ(differences(tiny().files("filled"), tiny().files("captions")), "");
}

}  // namespace
}  // namespace palimpsest
