// Memory of a preparation, whatever comes.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/loading/token_set.h"
#include "modalities/media/audio.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"

namespace palimpsest {
namespace {

// Most memory that preparing in a process of its own takes, MiB; what the test itself has is part of it.
std::int64_t peak_of(const PrepareOptions& options, const std::filesystem::path& directory) {
  const pid_t child = start_child([&] {
    PrepareRun run;
    run.workers = 2;
    prepare_data(options, directory, run);
  });
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  EXPECT_EQ(status, 0);
  return usage.ru_maxrss / 1024;
}

PrepareOptions of_tar(const TinyPreparation& tiny, const std::vector<TarMember>& members, const std::string& role) {
  write_tar(tiny.folder / "set.tar", members, TarForm::kPax);
  PrepareOptions options = tiny.options();
  for (const char* other : {"caption", "picture", "speech"}) {
    if (role == other) continue;
    options.data.roles.erase(other);
    options.tokenizers.erase(other);
  }
  options.data.splits = {{"all", {}}};
  options.data.source = (tiny.folder / "set.tar").string();
  options.prepare = {32, 8};
  return options;
}

constexpr std::int64_t kMostMebibytes = 2048;

TEST(Bounds, OfPicturesOfSixtyMillionPixels) {
  const TinyPreparation tiny;
  const std::string picture = grey_png(6'000, 10'000);
  std::vector<TarMember> members;
  for (int number = 0; number < 6; ++number) members.push_back({"p" + std::to_string(number) + ".png", picture, ""});
  EXPECT_LT(peak_of(of_tar(tiny, members, "picture"), tiny.folder / "out"), kMostMebibytes);
  EXPECT_EQ(tiny.ledger("out").size(), 6u);
  for (const LedgerRow& row : tiny.ledger("out")) EXPECT_EQ(row.outcome, Outcome::kKept) << row.reason;
}

TEST(Bounds, OfLongTextsAndWideJson) {
  const TinyPreparation tiny;
  std::string wide = "{\"caption\": \"x\", \"in\": [0";
  for (int item = 0; item < 900'000; ++item) wide += ",[]";
  wide += "]}";
  const std::string text(std::size_t{6 << 20}, 'x');
  std::vector<TarMember> members;
  for (int number = 0; number < 8; ++number) {
    members.push_back({"t" + std::to_string(number) + ".txt", text, ""});
    members.push_back({"j" + std::to_string(number) + ".json", wide, ""});
  }
  EXPECT_LT(peak_of(of_tar(tiny, members, "caption"), tiny.folder / "out"), kMostMebibytes);
  EXPECT_EQ(tiny.ledger("out").size(), 16u);
}

TEST(Bounds, AShardThatWouldTakeTooMuchEndsEarlyAndNothingIsLost) {
  const TinyPreparation tiny;
  std::vector<TarMember> members;
  for (int number = 0; number < 12; ++number)
    members.push_back({"t" + std::to_string(number) + ".txt", std::string(std::size_t{2 << 20}, 'x'), ""});
  const PrepareOptions options = of_tar(tiny, members, "caption");
  const PrepareReport report = tiny.prepare(options, "out");
  EXPECT_EQ(report.at("all").kept, 12);
  EXPECT_GT(report.at("all").shards, 1);
  const auto set = open_token_set(tiny.folder / "out", "all");
  ASSERT_EQ(set->rows(), 12);
  for (const LedgerRow& row : tiny.ledger("out")) EXPECT_EQ(row.key, "t" + std::to_string(row.index));
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [&] { tiny.prepare(options, "killed"); }));
  tiny.prepare(options, "killed");
  EXPECT_EQ(differences(tiny.files("killed"), tiny.files("out")), "");
}

}  // namespace
}  // namespace palimpsest
