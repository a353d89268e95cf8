// Any number of workers, any number of parts: the same samples, the same ids; and every sample accounted for.
#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/random.h"
#include "datasets/loading/token_set.h"
#include "datasets/prepare/merge.h"
#include "tests/datasets/tar_writer.h"
#include "tests/datasets/tiny_preparation.h"
#include "tests/support/child.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

PrepareReport prepare_part(const TinyPreparation& tiny, const PrepareOptions& options, const std::string& name,
                           Part part) {
  PrepareRun run;
  run.part = part;
  return prepare_data(options, tiny.folder / name, run);
}

std::vector<fs::path> prepare_parts(const TinyPreparation& tiny, const PrepareOptions& options, std::int64_t count) {
  std::vector<fs::path> parts;
  for (std::int64_t index = 0; index < count; ++index) {
    const std::string name = "part " + std::to_string(index);
    prepare_part(tiny, options, name, {index, count});
    parts.push_back(tiny.folder / name);
  }
  return parts;
}

// The captions' ids by split and key.
std::map<std::string, std::string> content_of(const fs::path& directory) {
  std::map<std::string, std::string> content;
  const Manifest manifest = read_manifest(directory);
  for (const auto& [split, entry] : manifest.splits) {
    const auto set = open_token_set(directory, split);
    for (std::int64_t row = 0; row < set->rows(); ++row) {
      std::ostringstream ids;
      ids << *set->ids(row, "caption") << set->meta(row);
      content[split + "/" + set->key(row)] = ids.str();
    }
  }
  return content;
}

TEST(Workers, AnyNumberOfThemWritesTheSameBytes) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.options();
  options.data.splits["train"].variation.copies = 1;
  options.duplicates["caption"] = {"text", {"caption"}};
  options.duplicates["caption"].within_split = true;
  options.transforms.resize(1);
  options.transforms[0].kind = "dropout";
  options.transforms[0].role = "caption";
  options.transforms[0].probability = 0.5;
  for (const std::int64_t workers : {1, 2, 4}) {
    PrepareRun run;
    run.workers = workers;
    prepare_data(options, tiny.folder / std::to_string(workers), run);
    EXPECT_EQ(differences(tiny.files(std::to_string(workers)), tiny.files("1")), "") << workers;
  }
}

TEST(Parts, MergedTheyAreTheWhole) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.captions();
  options.data.group = "^[^_]+";
  options.data.splits["train"].to = options.data.splits["held-out"].from = 0.5;
  options.data.splits["train"].variation.copies = 1;
  const auto whole = tiny.prepare(options, "whole");
  const auto merged = merge_parts(tiny.folder / "merged", prepare_parts(tiny, options, 3));
  EXPECT_EQ(content_of(tiny.folder / "merged"), content_of(tiny.folder / "whole"));
  std::map<std::string, std::int64_t> next;
  const auto set = open_token_set(tiny.folder / "merged", "train");
  for (const LedgerRow& row : tiny.ledger("merged")) {
    EXPECT_EQ(row.index, next[row.split]++);
    if (row.shard == "train-00000.h5") {
      EXPECT_EQ(set->key(row.row), row.key);
    }
  }
  for (const auto& [split, counts] : whole) EXPECT_EQ(merged.at(split).kept, counts.kept);
  // What is merged is a preparation like any other.
  EXPECT_TRUE(tiny.prepare(options, "merged").at("train").already_there);
}

TEST(Parts, ThatAreNotAllOfOnePreparationAreRefused) {
  const TinyPreparation tiny;
  const auto parts = prepare_parts(tiny, tiny.captions(), 2);
  const auto refusal = [&tiny](const std::vector<fs::path>& given) {
    const std::string message = message_of<InputError>([&] { merge_parts(tiny.folder / "merged", given); });
    EXPECT_FALSE(fs::exists(tiny.folder / "merged"));
    return message;
  };
  EXPECT_THAT(refusal({parts[0]}), HasSubstr("belongs to 2 parts; part 2/2 is missing"));
  EXPECT_THAT(refusal({parts[0], parts[0]}), HasSubstr("part 0: is part 1/2, as "));
  prepare_part(tiny, tiny.captions(), "of three", {1, 3});
  EXPECT_THAT(refusal({parts[0], parts[1], tiny.folder / "of three"}),
              HasSubstr("is part 2/3, of another number of parts"));
  PrepareOptions other = tiny.captions();
  other.prepare.batch = 2;
  prepare_part(tiny, other, "other", {1, 2});
  EXPECT_THAT(refusal({parts[0], tiny.folder / "other"}), HasSubstr("prepare.batch: was prepared with"));
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [&] { prepare_part(tiny, tiny.captions(), "cut", {1, 2}); }));
  EXPECT_THAT(refusal({parts[0], tiny.folder / "cut"}), HasSubstr("is not complete"));
  EXPECT_THAT(message_of<InputError>([&] { merge_parts(parts[0], parts); }), HasSubstr("is there already"));
}

TEST(Parts, WithADamagedShardAreRefused) {
  const TinyPreparation tiny;
  const auto parts = prepare_parts(tiny, tiny.captions(), 2);
  const fs::path shard = parts[1] / "train-00000.h5";
  std::string bytes = read_file(shard);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_file_atomically(shard, bytes);
  EXPECT_THAT(message_of<InputError>([&] { merge_parts(tiny.folder / "merged", parts); }),
              HasSubstr("train-00000.h5: is damaged"));
  EXPECT_FALSE(fs::exists(tiny.folder / "merged"));
}

// Samples of every fate, drawn by a key.
PrepareOptions random_bag(const TinyPreparation& tiny, std::uint64_t seed) {
  const RandomKey key = RandomKey::root(seed).fold("bag");
  std::vector<TarMember> members;
  for (std::uint64_t number = 0; number < 60; ++number) {
    const char* captions[] = {"one two three", "one", "\xff", "", "four five six"};
    const std::string name = std::to_string(number) + (number % 2 ? "_odd" : "_even");
    members.push_back({name + ".txt", captions[key.below(5, number)] + std::string(number % 3 ? "" : " and more"), ""});
  }
  const std::string tar = "bag " + std::to_string(seed) + ".tar";
  write_tar(tiny.folder / tar, members);
  PrepareOptions options = tiny.captions();
  options.data.source = (tiny.folder / tar).string();
  options.filters["words"] = {"caption", "words", "", 2, 100};
  options.duplicates["same"] = {"exact", {"caption"}};
  options.duplicates["same"].window = 2;
  options.caps["parity"] = {"_(odd|even)", "", 9};
  return options;
}

TEST(Ledger, CountsAddUpAndKeptRowsAreWhereItSays) {
  const TinyPreparation tiny;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::string name = "bag" + std::to_string(seed);
    const auto report = tiny.prepare(random_bag(tiny, seed), name);
    std::map<std::string, std::int64_t> rows;
    std::set<std::string> keys;
    std::map<Outcome, int> fates;
    std::map<std::string, std::vector<std::string>> shard_keys;
    for (const LedgerRow& row : tiny.ledger(name)) {
      EXPECT_EQ(row.index, rows[row.split]++);
      EXPECT_TRUE(keys.insert(row.key).second);
      ++fates[row.outcome];
      if (row.outcome != Outcome::kKept) {
        EXPECT_FALSE(row.reason.empty());
      }
      if (row.outcome == Outcome::kFiltered || row.outcome == Outcome::kDuplicate) {
        EXPECT_FALSE(row.rule.empty());
      }
      if (row.outcome != Outcome::kKept) continue;
      EXPECT_EQ(row.row, static_cast<std::int64_t>(shard_keys[row.shard].size()));
      shard_keys[row.shard].push_back(row.key);
    }
    EXPECT_EQ(keys.size(), 60u);
    EXPECT_EQ(fates.size(), 4u) << "every fate is met";
    for (const auto& [split, counts] : report) {
      EXPECT_EQ(counts.inputs(), rows[split]);
      const auto set = open_token_set(tiny.folder / name, split);
      std::int64_t at = 0;
      const Manifest manifest = read_manifest(tiny.folder / name);
      for (const ShardEntry& entry : manifest.splits.at(split).shards) {
        for (const std::string& key : shard_keys[entry.file]) EXPECT_EQ(set->key(at++), key);
      }
      EXPECT_EQ(at, set->rows());
    }
  }
}

TEST(Failures, BeyondTheRateStopTheRunAndAGreaterRateGoesOn) {
  const TinyPreparation tiny;
  PrepareOptions options = random_bag(tiny, 1);
  tiny.prepare(options, "whole");
  options.prepare.max_failure_rate = 0.01;
  const auto refusal = [&] { return message_of<InputError>([&] { tiny.prepare(options, "out"); }); };
  EXPECT_THAT(refusal(), HasSubstr("out: prepare.max_failure_rate: "));
  EXPECT_THAT(refusal(), HasSubstr("could not be read; ledger.jsonl says which and why")) << "the second time too";
  EXPECT_FALSE(tiny.ledger("out").empty());
  options.prepare.max_failure_rate = 1;
  tiny.prepare(options, "out");
  EXPECT_EQ(differences(tiny.files("out"), tiny.files("whole")), "");
}

TEST(Failures, TheirBytesGoToQuarantineWhenAsked) {
  const TinyPreparation tiny;
  write_tar(tiny.folder / "two.tar", {{"bad.txt", "a \xff box", ""}, {"fine.txt", "a box", ""}});
  PrepareOptions options = tiny.captions();
  options.data.source = (tiny.folder / "two.tar").string();
  options.data.splits = {{"all", {}}};
  options.prepare.quarantine = true;
  tiny.prepare(options, "out");
  EXPECT_EQ(tiny.folder.read("out/quarantine/all-00000000.txt"), "a \xff box");
  EXPECT_EQ(tiny.files("out").size(), 4u);
}

// A tar that ends in the middle of a member, as when its disk vanishes.
TEST(Failures, ASourceThatVanishesMidwayIsNamedAndWhatIsDoneStays) {
  const TinyPreparation tiny;
  std::vector<TarMember> members;
  for (int number = 0; number < 24; ++number)
    members.push_back({std::to_string(100 + number) + ".txt", "caption " + std::string(2000, 'x'), ""});
  const fs::path tar = tiny.folder / "long.tar";
  write_tar(tar, members);
  PrepareOptions options = tiny.captions();
  options.data.source = tar.string();
  options.data.splits = {{"all", {}}};
  tiny.prepare(options, "whole");
  const std::string bytes = read_file(tar);
  ASSERT_TRUE(killed_at("prepare.after_shard:1", [&] { tiny.prepare(options, "out"); }));
  EXPECT_EQ(tiny.ledger("out").size(), 8u);
  fs::remove(tar);
  EXPECT_THAT(message_of<InputError>([&] { tiny.prepare(options, "out"); }), HasSubstr("long.tar"));
  EXPECT_EQ(tiny.ledger("out").size(), 8u);
  write_file_atomically(tar, bytes);
  tiny.prepare(options, "out");
  EXPECT_EQ(differences(tiny.files("out"), tiny.files("whole")), "");
}

TEST(Failures, ATarThatIsCutStopsTheRunByName) {
  const TinyPreparation tiny;
  std::vector<TarMember> members;
  for (int number = 0; number < 24; ++number)
    members.push_back({std::to_string(100 + number) + ".txt", "caption " + std::string(2000, 'x'), ""});
  const fs::path tar = tiny.folder / "cut.tar";
  write_tar(tar, members);
  fs::resize_file(tar, fs::file_size(tar) / 2);
  PrepareOptions options = tiny.captions();
  options.data.source = tar.string();
  options.data.splits = {{"all", {}}};
  EXPECT_THAT(message_of<InputError>([&] { tiny.prepare(options, "out"); }), HasSubstr("cut.tar: after "));
}

}  // namespace
}  // namespace palimpsest
