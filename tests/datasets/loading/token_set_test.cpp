#include "datasets/loading/token_set.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/shards/manifest.h"
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
    const std::string bytes = format_shard(shard);
    std::ofstream(directory / file, std::ios::binary) << bytes;
    split.shards.push_back(describe_shard(file, shard, bytes, count));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  split.complete = true;
  manifest.splits["held-out"] = {};
  write_manifest(directory, manifest);
  return all;
}

TEST(TokenSet, HoldsTheRowsOfAllShardsInOrder) {
  const ScratchFolder scratch;
  const auto rows = write_token_set(scratch.path());
  const auto set = open_token_set(scratch.path(), "train");
  ASSERT_EQ(set->rows(), 13);
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
