#include "datasets/shards/manifest.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/loading/token_set.h"
#include "tests/datasets/random_rows.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const RandomKey kManifestKey = RandomKey::root(2).fold("manifest");

// A directory with one complete split of one shard.
struct PreparedDirectory {
  explicit PreparedDirectory(std::int64_t rows) {
    const Shard shard = shard_of(random_rows(kManifestKey, rows));
    bytes = format_shard(shard);
    scratch.write("train-00000.h5", bytes);
    manifest.settings = {{"/data/source", "set.tar"}, {"/prepare/batch", 4}};
    manifest.ledger_bytes = 17;
    manifest.roles = random_roles();
    manifest.splits["train"] = {true, {describe_shard("train-00000.h5", shard, bytes, rows + 2)}};
    write_manifest(scratch.path(), manifest);
  }
  const ShardEntry& entry() const { return manifest.splits.at("train").shards.front(); }
  std::string refusal() const {
    return message_of<InputError>([&] { open_token_set(scratch.path(), "train"); });
  }

  ScratchFolder scratch;
  Manifest manifest;
  std::string bytes;
};

TEST(Manifest, ComesBackAsItWasWritten) {
  const PreparedDirectory prepared(7);
  const Manifest again = read_manifest(prepared.scratch.path());
  EXPECT_EQ(again.settings, prepared.manifest.settings);
  EXPECT_EQ(again.ledger_bytes, 17);
  EXPECT_EQ(again.roles, prepared.manifest.roles);
  ASSERT_EQ(again.splits.size(), 1u);
  const SplitEntry& split = again.splits.at("train");
  EXPECT_TRUE(split.complete);
  EXPECT_EQ(split.rows(), 7);
  EXPECT_EQ(split.inputs(), 9);
  const ShardEntry &was = prepared.entry(), &is = split.shards.front();
  EXPECT_EQ(std::tie(is.file, is.rows, is.inputs, is.bytes, is.checksum, is.chunks),
            std::tie(was.file, was.rows, was.inputs, was.bytes, was.checksum, was.chunks));
  const std::string text = prepared.scratch.read("manifest.json");
  write_manifest(prepared.scratch.path(), again);
  EXPECT_EQ(prepared.scratch.read("manifest.json"), text);
}

TEST(Manifest, SumsAreThoseOfTheFileAndOfEachOfItsChunks) {
  const PreparedDirectory prepared(3000);
  const auto chunk = static_cast<std::size_t>(kChunkBytes);
  ASSERT_GT(prepared.bytes.size(), 2 * chunk);
  EXPECT_EQ(prepared.entry().checksum, hash64_hex(prepared.bytes));
  EXPECT_EQ(prepared.entry().chunks.size(), (prepared.bytes.size() + chunk - 1) / chunk);
  EXPECT_EQ(prepared.entry().chunks[1], hash64_hex(std::string_view(prepared.bytes).substr(chunk, chunk)));
}

// What read_manifest says when `from` in its text has become `to`.
std::string manifest_refusal(const std::string& from, const std::string& to) {
  const PreparedDirectory prepared(2);
  std::string text = prepared.scratch.read("manifest.json");
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  prepared.scratch.write("manifest.json", text.replace(at, from.size(), to));
  return message_of<InputError>([&] { read_manifest(prepared.scratch.path()); });
}

TEST(Manifest, RefusesWhatIsWrongByFileAndKey) {
  EXPECT_THAT(manifest_refusal("\"format\": 1", "\"format\": 2"),
              AllOf(HasSubstr("manifest.json: "), HasSubstr("format: is not 1")));
  EXPECT_THAT(manifest_refusal("\"ledger_bytes\": 17", "\"ledger_bytes\": \"x\""), HasSubstr("manifest.json: "));
  EXPECT_THAT(manifest_refusal("\"complete\"", "\"finished\""),
              AllOf(HasSubstr("manifest.json: "), HasSubstr("complete")));
  EXPECT_THAT(manifest_refusal("\"fingerprint\"", "\"print\""), HasSubstr("fingerprint"));
  EXPECT_THAT(manifest_refusal("\"train-00000.h5\"", "\"../elsewhere.h5\""),
              HasSubstr("file: must be a plain file name, got '../elsewhere.h5'"));
  EXPECT_THAT(manifest_refusal("\"train-00000.h5\"", "\"/etc/passwd\""), HasSubstr("must be a plain file name"));
  EXPECT_THAT(manifest_refusal("{", "["), HasSubstr("manifest.json: "));
}

TEST(Manifest, ADirectoryWithoutOneIsNotPrepared) {
  const ScratchFolder scratch;
  EXPECT_THAT(message_of<InputError>([&] { read_manifest(scratch.path()); }), HasSubstr("manifest.json: is missing"));
  EXPECT_THAT(message_of<InputError>([&] { open_token_set(scratch / "nowhere", "train"); }),
              HasSubstr("nowhere: manifest.json: is missing"));
}

TEST(Verification, FindsAFlippedBitInAnyByteBeforeTheLibrarySeesIt) {
  const PreparedDirectory prepared(12);
  ASSERT_LE(prepared.bytes.size(), static_cast<std::size_t>(kChunkBytes));
  ASSERT_EQ(prepared.bytes.substr(1, 3),
            "HDF");  // the superblock's signature: libhdf5 would have called it another format
  for (std::size_t place = 0; place < prepared.bytes.size(); place += place < 512 ? 1 : 13) {
    std::string damaged = prepared.bytes;
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (place % 8)));
    prepared.scratch.write("train-00000.h5", damaged);
    const std::string message = prepared.refusal();
    ASSERT_THAT(message, HasSubstr("train-00000.h5: is damaged: chunk 0 (bytes 0.." +
                                   std::to_string(damaged.size() - 1) + ") differs"))
        << place;
  }
}

TEST(Verification, EveryKindOfByteIsCovered) {
  const PreparedDirectory prepared(12);
  const Shard shard = shard_of(random_rows(kManifestKey, 12));
  for (const std::string& part : {shard.keys[5], shard.meta[5].dump(), std::string("\"format\":1"),
                                  std::string("\x89HDF"), std::string("values")}) {
    const std::size_t place = prepared.bytes.find(part);  // a key, a meta, the attribute, the superblock, a link's name
    ASSERT_NE(place, std::string::npos) << part;
    std::string damaged = prepared.bytes;
    damaged[place] ^= 1;
    prepared.scratch.write("train-00000.h5", damaged);
    EXPECT_THAT(prepared.refusal(), HasSubstr("is damaged: chunk 0")) << part;
  }
}

TEST(Verification, NamesTheChunkAndItsPlace) {
  const PreparedDirectory prepared(3000);
  const auto chunk = static_cast<std::size_t>(kChunkBytes);
  for (std::size_t number = 0; number < prepared.entry().chunks.size(); ++number) {
    const std::size_t begin = number * chunk, end = std::min(begin + chunk, prepared.bytes.size());
    std::string damaged = prepared.bytes;
    damaged[end - 1] ^= 1;
    prepared.scratch.write("train-00000.h5", damaged);
    EXPECT_THAT(prepared.refusal(), HasSubstr("chunk " + std::to_string(number) + " (bytes " + std::to_string(begin) +
                                              ".." + std::to_string(end - 1) + ") differs"));
  }
}

TEST(Verification, RefusesAnotherSizeAndAMissingFile) {
  const PreparedDirectory prepared(4);
  const std::string size = std::to_string(prepared.bytes.size());
  for (const std::size_t kept :
       {std::size_t{0}, std::size_t{1}, prepared.bytes.size() / 2, prepared.bytes.size() - 1}) {
    prepared.scratch.write("train-00000.h5", prepared.bytes.substr(0, kept));
    EXPECT_THAT(prepared.refusal(),
                HasSubstr("train-00000.h5: has " + std::to_string(kept) + " bytes, the manifest says " + size));
  }
  prepared.scratch.write("train-00000.h5", prepared.bytes + '\0');
  EXPECT_THAT(prepared.refusal(), HasSubstr("the manifest says " + size));
  std::filesystem::remove(prepared.scratch / "train-00000.h5");
  EXPECT_THAT(prepared.refusal(), HasSubstr("train-00000.h5: is in the manifest but not there"));
}

TEST(Verification, AManifestThatContradictsItselfOrItsShardIsRefused) {
  PreparedDirectory prepared(4);
  const auto refusal_of = [&](const auto& spoil) {
    Manifest manifest = prepared.manifest;
    spoil(manifest, manifest.splits.at("train").shards.front());
    write_manifest(prepared.scratch.path(), manifest);
    return prepared.refusal();
  };
  EXPECT_THAT(refusal_of([](Manifest&, ShardEntry& entry) { entry.checksum = "0123456789abcdef"; }),
              HasSubstr("the manifest's own sums disagree"));
  EXPECT_THAT(refusal_of([](Manifest&, ShardEntry& entry) { entry.rows = 5; }),
              HasSubstr("rows: are not those of the manifest"));
  EXPECT_THAT(refusal_of([](Manifest& manifest, ShardEntry&) { manifest.roles["title"] = {}; }),
              HasSubstr("title: is missing"));
  EXPECT_THAT(
      refusal_of([](Manifest& manifest, ShardEntry&) { manifest.roles["picture"].fingerprint = "00000000000000ff"; }),
      HasSubstr("train-00000.h5: picture: was made by another tokenizer than the manifest says"));
}

TEST(Verification, AShardThatTheManifestLacksDoesNotExist) {
  const PreparedDirectory prepared(4);
  prepared.scratch.write("train-00001.h5", format_shard(shard_of(random_rows(kManifestKey.fold("more"), 9))));
  prepared.scratch.write("train-00002.h5", "not even a shard");
  EXPECT_EQ(open_token_set(prepared.scratch.path(), "train")->rows(), 4);
}

TEST(Verification, AShardOfAnotherSplitIsRefused) {
  PreparedDirectory prepared(4);
  prepared.manifest.splits["held-out"] = prepared.manifest.splits.at("train");
  write_manifest(prepared.scratch.path(), prepared.manifest);
  EXPECT_THAT(message_of<InputError>([&] { open_token_set(prepared.scratch.path(), "held-out"); }),
              HasSubstr("split: is 'train', the manifest says 'held-out'"));
}

}  // namespace
}  // namespace palimpsest
