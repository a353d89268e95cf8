// Archives read here and in a process of their own: the same members and errors, and what an archive can do to the
// process.
#include "datasets/sources/archive.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "tests/datasets/packed.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const ArchiveOpener& apart() {
  static const ArchiveOpener opener = apart_archives({.program = PALIMPSEST_PROGRAM});
  return opener;
}

// Everything that an archive says, up to its end or to what is wrong.
std::vector<std::string> all_of(const ArchiveOpener& open, const std::filesystem::path& path, ArchiveForm form) {
  std::vector<std::string> said;
  try {
    const auto archive = open(path, form);
    while (const auto member = archive->next_member()) {
      said.push_back(member->name + (member->is_file ? " " : " no file ") + std::to_string(member->size));
      std::string content;
      while (const auto piece = archive->next_piece()) {
        content.resize(static_cast<std::size_t>(piece->offset));
        content += piece->bytes;
      }
      said.push_back(std::move(content));
    }
  } catch (const ArchiveError& error) {
    said.push_back(std::string("error: ") + error.what());
  }
  return said;
}

void write_script(const std::filesystem::path& path, const std::string& line) {
  std::ofstream(path) << "#!/bin/sh\n" << line << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

TEST(ArchiveApart, MembersAndErrorsAreTheSame) {
  const ScratchFolder scratch;
  const std::string large(3 << 20, 'l'), far(180, 'k');
  const std::vector<TarMember> members{{"a.txt", "one", ""}, {"empty", "", ""},       {"link", "", "/etc/passwd"},
                                       {"large", large, ""}, {far + "鍵", "far", ""}, {"../up", "x", ""}};
  write_tar(scratch / "set.tar", members, TarForm::kPax);
  write_tar(scratch / "set.tar.gz", members, TarForm::kGnu, true);
  const std::string whole = scratch.read("set.tar"), packed = scratch.read("set.tar.gz");
  scratch.write("cut.tar", whole.substr(0, whole.size() / 2));
  scratch.write("cut.tar.gz", packed.substr(0, packed.size() / 2));
  scratch.write("text", "two\nlines\n");
  scratch.write("empty", "");
  write_packed(scratch / "text.xz", "two\nlines\n" + large, ARCHIVE_FILTER_XZ);
  scratch.write("cut.xz", scratch.read("text.xz").substr(0, 100));
  constexpr ArchiveForm kTar = ArchiveForm::kTar, kFile = ArchiveForm::kFile;
  for (const auto& [name, form, fine] : {std::tuple{"set.tar", kTar, true},
                                         {"set.tar.gz", kTar, true},
                                         {"cut.tar", kTar, false},
                                         {"cut.tar.gz", kTar, false},
                                         {"text", kTar, false},
                                         {"gone", kTar, false},
                                         {"empty", kTar, true},
                                         {"text", kFile, true},
                                         {"empty", kFile, true},
                                         {"text.xz", kFile, true},
                                         {"cut.xz", kFile, false}}) {
    const auto here = all_of(open_archive, scratch / name, form);
    EXPECT_EQ(here.empty() || !here.back().starts_with("error: "), fine) << name;
    EXPECT_EQ(all_of(apart(), scratch / name, form), here) << name;
  }
  EXPECT_EQ(all_of(open_archive, scratch / "set.tar", kTar).size(), 2 * members.size());
}

TEST(ArchiveApart, MemoryAndSilenceAreBounded) {
  const ScratchFolder scratch;
  write_packed(scratch / "wide.xz", std::string(1 << 20, 'x'), ARCHIVE_FILTER_XZ, "compression-level=9");
  EXPECT_EQ(all_of(apart(), scratch / "wide.xz", ArchiveForm::kFile).size(), 2u);
  const auto narrow = apart_archives({.program = PALIMPSEST_PROGRAM, .memory_mb = 32});  // its dictionary has 64 MB
  EXPECT_THAT(all_of(narrow, scratch / "wide.xz", ArchiveForm::kFile), ElementsAre(HasSubstr("error: ")));
  write_script(scratch / "slow.sh", "exec sleep 1000");
  const auto slow = apart_archives({.program = (scratch / "slow.sh").string(), .stall_seconds = 0.1});
  EXPECT_THAT(all_of(slow, scratch / "wide.xz", ArchiveForm::kFile), ElementsAre(HasSubstr("said nothing for 0.1")));
}

TEST(ArchiveApart, AProcessThatIsLedAstrayOrEndsIsTold) {
  const ScratchFolder scratch;
  for (const auto& [line, told] : {std::pair{"printf x", kLedAstray},
                                   {"printf om", "was ended with status 0"},
                                   {"kill -SEGV $$", "was ended by signal 11"},
                                   {"printf 'om\\377\\377\\377\\377\\377\\377\\377\\377'", "tells of a text of"}}) {
    write_script(scratch / "reader.sh", std::string("head -c 9 >/dev/null\n") + line);  // once it is asked
    const auto opener = apart_archives({.program = (scratch / "reader.sh").string()});
    EXPECT_THAT(all_of(opener, "any.tar", ArchiveForm::kTar), ElementsAre(HasSubstr(told))) << line;
  }
}

class ArchiveApartPreparation : public testing::Test {
 protected:
  // Three tars; a process that is ended at its fifth member ends in the second of them.
  ArchiveApartPreparation() {
    std::filesystem::create_directories(tiny_.folder / "in");
    write_tar(tiny_.folder / "in/a.tar", captions("a", 2));
    write_tar(tiny_.folder / "in/b.tar", captions("b", 4));
    write_tar(tiny_.folder / "in/c.tar", captions("c", 2));
    options_ = tiny_.captions();
    options_.data.source = (tiny_.folder / "in/*.tar").string();
    options_.data.roles.erase("picture");
    options_.data.roles.erase("speech");
    options_.data.splits = {{"all", {}}};
    options_.data.tar.damaged = DamagedFile::kSkip;
    options_.prepare.samples_per_shard = 4;
  }

  static std::vector<TarMember> captions(const std::string& tar, int count) {
    std::vector<TarMember> members;
    for (int number = 1; number <= count; ++number)
      members.push_back({tar + std::to_string(number) + ".txt", "a caption of " + tar, ""});
    return members;
  }

  void prepare_apart(const std::string& name) const {
    PrepareOptions options = options_;
    options.prepare.apart = true;
    PrepareRun run;
    run.program = PALIMPSEST_PROGRAM;
    prepare_data(options, tiny_.folder / name, run);
  }

  // As above, with the failpoint in the processes that it starts.
  int prepare_ended(const std::string& name) const {
    return status_of(start_child([&] {
      ::setenv("PALIMPSEST_FAILPOINT", "archive.apart:5", 1);
      prepare_apart(name);
    }));
  }

  TinyPreparation tiny_;
  PrepareOptions options_;
};

TEST_F(ArchiveApartPreparation, TheBytesAreTheSameAlsoAfterAKill) {
  tiny_.prepare(options_, "together");
  prepare_apart("apart");
  EXPECT_EQ(differences(tiny_.files("apart"), tiny_.files("together")), "");
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [this] { prepare_apart("killed"); }));
  prepare_apart("killed");
  EXPECT_EQ(differences(tiny_.files("killed"), tiny_.files("together")), "");
}

TEST_F(ArchiveApartPreparation, AProcessThatEndsMidwayEndsItsTarAlone) {
  ASSERT_EQ(prepare_ended("skip"), 0);
  std::vector<std::string> told;
  for (const LedgerRow& row : tiny_.ledger("skip"))
    told.push_back(row.key + (row.outcome == Outcome::kKept ? "" : ": " + row.reason));
  EXPECT_THAT(told, ElementsAre("a1", "a2", "b1",
                                testing::AllOf(HasSubstr("b.tar: after b2.txt: is not a whole tar: "),
                                               HasSubstr("was ended by signal 9")),
                                "c1", "c2"));
  prepare_apart("skip");  // it is complete: nothing more happens
  EXPECT_EQ(tiny_.ledger("skip").size(), 6u);
}

TEST_F(ArchiveApartPreparation, OrStopsTheRunWhichGoesOnWithoutTheFault) {
  options_.data.tar.damaged = DamagedFile::kStop;
  tiny_.prepare(options_, "together");
  ASSERT_EQ(WEXITSTATUS(prepare_ended("stop")), 1);
  prepare_apart("stop");
  EXPECT_EQ(differences(tiny_.files("stop"), tiny_.files("together")), "");
}

}  // namespace
}  // namespace palimpsest
