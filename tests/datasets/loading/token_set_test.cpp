#include "datasets/loading/token_set.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/loading/group_cache.h"
#include "tests/datasets/random_rows.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

const RandomKey kTokenSetKey = RandomKey::root(3).fold("token set");

// Split "train" in shards of 5, 0, 1 and 7 rows, and "held-out", which is not prepared to its end.
std::vector<RandomRow> write_token_set(const std::filesystem::path& directory) {
  Manifest manifest;
  manifest.roles = random_roles();
  std::vector<RandomRow> all;
  SplitEntry& split = manifest.splits["train"];
  for (const std::int64_t count : {5, 0, 1, 7}) {
    const std::string file = "train-0000" + std::to_string(split.shards.size()) + ".h5";
    const auto rows = random_rows(kTokenSetKey.fold(file), count);
    const Shard shard = shard_of(rows);
    const FormattedShard formatted = format_shard(shard, {2, 0});
    std::ofstream(directory / file, std::ios::binary) << formatted.bytes;
    split.shards.push_back(describe_shard(file, shard, formatted, count));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  split.complete = true;
  manifest.splits["held-out"] = {};
  write_manifest(directory, manifest);
  return all;
}

class TokenSetOf : public testing::TestWithParam<std::int64_t> {};

// In memory whole, and with room for a row group at a time.
INSTANTIATE_TEST_SUITE_P(Memory, TokenSetOf, testing::Values(kTokenSetBytes, 1));

TEST_P(TokenSetOf, HoldsTheRowsOfAllShardsInOrder) {
  const ScratchFolder scratch;
  const auto rows = write_token_set(scratch.path());
  const auto set = open_token_set(scratch.path(), "train", GetParam());
  ASSERT_EQ(set->rows(), 13);
  EXPECT_THAT(set->group_rows(), testing::ElementsAre(2, 2, 1, 1, 2, 2, 2, 1));
  EXPECT_THAT(set->roles(), testing::ElementsAre("caption", "picture", "speech"));
  for (std::int64_t row = 0; row < set->rows(); ++row) {
    const RandomRow& written = rows[static_cast<std::size_t>(row)];
    EXPECT_EQ(set->key(row), written.key);
    EXPECT_EQ(set->meta(row), written.meta);
    for (const std::string& role : set->roles()) {
      const auto ids_L = set->ids(row, role);
      ASSERT_EQ(ids_L.has_value(), written.codes.contains(role)) << row << " " << role;
      EXPECT_TRUE(!ids_L || ids_L->equal(written.codes.at(role).ids_L)) << row << " " << role;
    }
  }
  EXPECT_THROW(set->ids(0, "title"), c10::Error);
  EXPECT_THROW(set->key(13), c10::Error);
  EXPECT_THROW(set->key(-1), c10::Error);
}

TEST(TokenSet, WhatDoesNotFitIsReadWhenItIsWanted) {
  const ScratchFolder scratch;
  write_token_set(scratch.path());
  const auto whole = open_token_set(scratch.path(), "train"), part = open_token_set(scratch.path(), "train", 1);
  const std::string last = scratch.read("train-00003.h5");
  std::string damaged = last;
  const std::size_t meta = damaged.rfind("number");  // of the last rows
  damaged[meta] ^= 1;
  scratch.write("train-00003.h5", damaged);
  EXPECT_EQ(part->key(0), whole->key(0));
  EXPECT_THAT(message_of<InputError>([&] { part->key(12); }), HasSubstr("train-00003.h5: is damaged: row group 3"));
  EXPECT_THAT(message_of<InputError>([&] { open_token_set(scratch.path(), "train"); }), HasSubstr("row group 3"));
  std::filesystem::remove(scratch / "train-00003.h5");
  EXPECT_EQ(whole->key(12).empty(), false);
  EXPECT_THAT(message_of<InputError>([&] { part->key(12); }), HasSubstr("is in the manifest but not there"));
}

TEST(GroupCache, KeepsWhatWasWantedLastWithinItsBytes) {
  const ScratchFolder scratch;
  write_token_set(scratch.path());
  const Manifest manifest = read_manifest(scratch.path());
  const auto cache_of = [&](std::int64_t bytes) {
    std::vector<ShardReader> shards;
    for (const ShardEntry& entry : manifest.splits.at("train").shards)
      shards.push_back(open_shard(scratch.path(), "train", manifest, entry));
    return std::make_unique<GroupCache>(std::move(shards), bytes);
  };
  const auto all = cache_of(kTokenSetBytes);
  for (std::int64_t group = 0; group < all->groups(); ++group) all->group(group);
  const std::int64_t most = all->kept_bytes() / 2;
  const auto half = cache_of(most);
  for (std::int64_t round = 0; round < 50; ++round) {
    const auto group = static_cast<std::int64_t>(kTokenSetKey.below(8, static_cast<std::uint64_t>(round)));
    const auto rows = half->group(group);
    EXPECT_EQ(rows->key(0), all->group(group)->key(0));
    EXPECT_EQ(half->group(group), rows) << "kept";
    EXPECT_LE(half->kept_bytes(), most);
  }
}

TEST(TokenSet, RefusesASplitThatIsNotThereOrNotWhole) {
  const ScratchFolder scratch;
  write_token_set(scratch.path());
  const auto refusal = [&scratch](const std::string& split) {
    return message_of<InputError>([&] { open_token_set(scratch.path(), split); });
  };
  EXPECT_THAT(refusal("trains"), HasSubstr("no split 'trains'; did you mean 'train'?"));
  EXPECT_THAT(refusal("held-out"),
              HasSubstr("held-out: is not prepared to its end; run the same 'palimpsest prepare' again"));
}

TEST(TokenSet, IdsOfAnotherTokenizerAreRefusedByTheRole) {
  const ScratchFolder scratch;
  write_token_set(scratch.path());
  const auto set = open_token_set(scratch.path(), "train");
  check_fingerprints(*set, {{"caption", "00000000000000aa"}, {"speech", "00000000000000cc"}}, "data/mine");
  EXPECT_EQ(message_of<InputError>([&] {
              check_fingerprints(*set, {{"caption", "00000000000000bb"}}, "data/mine");
            }),
            "data/mine: caption: its ids were made by another tokenizer: fingerprint 00000000000000aa, the one here "
            "has 00000000000000bb");
  EXPECT_THAT(message_of<InputError>([&] {
                check_fingerprints(*set, {{"pictur", ""}}, "data/mine");
              }),
              HasSubstr("data/mine: pictur: no such role in these shards; did you mean 'picture'?"));
}

}  // namespace
}  // namespace palimpsest
