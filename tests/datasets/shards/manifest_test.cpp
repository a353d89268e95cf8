#include "datasets/shards/manifest.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/loading/token_set.h"
#include "datasets/shards/shard_reader.h"
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
    const FormattedShard formatted = format_shard(shard, {5, 0});
    bytes = formatted.bytes;
    scratch.write("train-00000.h5", bytes);
    manifest.settings = {{"/data/source", "set.tar"}, {"/prepare/batch", 4}};
    manifest.ledger_bytes = 17;
    manifest.roles = random_roles();
    manifest.splits["train"] = {true, {describe_shard("train-00000.h5", shard, formatted, rows + 2)}};
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
  EXPECT_EQ(std::tie(is.file, is.rows, is.inputs, is.bytes, is.checksum),
            std::tie(was.file, was.rows, was.inputs, was.bytes, was.checksum));
  EXPECT_EQ(std::tie(is.index_begin, is.index_bytes, is.index_checksum),
            std::tie(was.index_begin, was.index_bytes, was.index_checksum));
  const std::string text = prepared.scratch.read("manifest.json");
  write_manifest(prepared.scratch.path(), again);
  EXPECT_EQ(prepared.scratch.read("manifest.json"), text);
}

TEST(Manifest, SumsAreThoseOfTheFileAndOfItsIndex) {
  const PreparedDirectory prepared(30);
  const ShardEntry& entry = prepared.entry();
  EXPECT_EQ(entry.checksum, hash64_hex(prepared.bytes));
  EXPECT_EQ(entry.index_checksum, hash64_hex(prepared.bytes.substr(static_cast<std::size_t>(entry.index_begin),
                                                                   static_cast<std::size_t>(entry.index_bytes))));
}

TEST(Manifest, AFlippedBitAnywhereInItIsFound) {
  const PreparedDirectory prepared(7);
  const std::string text = prepared.scratch.read("manifest.json");
  for (std::size_t place = 0; place < text.size(); ++place) {
    std::string damaged = text;
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (place % 8)));
    prepared.scratch.write("manifest.json", damaged);
    ASSERT_THAT(message_of<InputError>([&] { read_manifest(prepared.scratch.path()); }), HasSubstr("manifest.json: "))
        << place;
  }
}

// What read_manifest says when `from` in its text has become `to`.
std::string manifest_refusal(const std::string& from, const std::string& to) {
  const PreparedDirectory prepared(2);
  std::string text = prepared.scratch.read("manifest.json");
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  if (auto json = nlohmann::json::parse(text, nullptr, false); json.is_object()) {  // its sum set right again
    json.erase("checksum");
    json["checksum"] = hash64_hex(json.dump());
    text = json.dump(1) + "\n";
  }
  prepared.scratch.write("manifest.json", text);
  return message_of<InputError>([&] { read_manifest(prepared.scratch.path()); });
}

TEST(Manifest, RefusesWhatIsWrongByFileAndKey) {
  EXPECT_THAT(
      manifest_refusal("\"format\": 2", "\"format\": 1"),
      AllOf(HasSubstr("manifest.json: "), HasSubstr("format: is 1, this program reads 2: prepare the data again "
                                                    "with 'palimpsest prepare")));
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

TEST(Verification, FindsAFlippedBitInAnyByteAndSaysWhereItIs) {
  const PreparedDirectory prepared(12);
  std::map<std::string, std::int64_t> found;
  for (std::size_t place = 0; place < prepared.bytes.size(); place += place < 512 ? 1 : 13) {
    std::string damaged = prepared.bytes;
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << (place % 8)));
    prepared.scratch.write("train-00000.h5", damaged);
    const std::string message = prepared.refusal(), said = "train-00000.h5: is damaged: ";
    const std::size_t begin = message.find(said);
    ASSERT_NE(begin, std::string::npos) << place << " " << message;
    const std::string rest = message.substr(begin + said.size());
    ++found[rest.substr(0, rest.find_first_of(" ("))];
  }
  EXPECT_EQ(found["superblock"], kSuperblockBytes);
  for (const char* kind : {"headers", "index", "row", "layout"}) EXPECT_GT(found[kind], 0) << kind;
}

// Every array, the index and the superblock, by the place that the index itself gives.
TEST(Verification, EveryKindOfByteIsNamed) {
  const PreparedDirectory prepared(12);
  const ShardReader reader(memory_source(prepared.bytes, "s.h5"), prepared.entry());
  const auto expect = [&](std::int64_t begin, std::int64_t bytes, const std::string& name) {
    const std::string range = " (bytes " + std::to_string(begin) + ".." + std::to_string(begin + bytes - 1) + ")";
    for (const std::int64_t place : {begin, begin + bytes / 2, begin + bytes - 1}) {
      std::string damaged = prepared.bytes;
      damaged[static_cast<std::size_t>(place)] ^= 4;
      prepared.scratch.write("train-00000.h5", damaged);
      EXPECT_THAT(prepared.refusal(), HasSubstr("train-00000.h5: is damaged: " + name + range + " differs"));
    }
  };
  expect(0, kSuperblockBytes, "superblock");
  expect(prepared.entry().index_begin, prepared.entry().index_bytes, "index");
  std::int64_t arrays = 0;
  for (std::size_t group = 0; group < reader.index().groups.size(); ++group) {
    for (const auto& [name, place] : reader.index().groups[group].arrays) {
      if (place.bytes == 0) continue;
      expect(place.begin, place.bytes, "row group " + std::to_string(group) + ", " + name);
      ++arrays;
    }
  }
  EXPECT_EQ(arrays, 3 * (4 + 3 * 3));
  for (const auto& [role, place] : reader.index().layouts) expect(place.begin, place.bytes, "layout of " + role);
}

TEST(Verification, HeadersAreWhatIsNothingElse) {
  const PreparedDirectory prepared(12);
  const ShardReader reader(memory_source(prepared.bytes, "s.h5"), prepared.entry());
  const auto size = static_cast<std::int64_t>(prepared.bytes.size());
  std::int64_t covered = kSuperblockBytes + prepared.entry().index_bytes;
  for (const auto& [role, place] : reader.index().layouts) covered += place.bytes;
  for (const RowGroupPlace& group : reader.index().groups) {
    for (const auto& [name, place] : group.arrays) covered += place.bytes;
  }
  const std::int64_t index_begin = prepared.entry().index_begin;
  for (const auto& [begin, end] :
       reader.index().header_ranges(size, {index_begin, index_begin + prepared.entry().index_bytes})) {
    covered += end - begin;
    std::string damaged = prepared.bytes;
    damaged[static_cast<std::size_t>(end - 1)] ^= 1;
    prepared.scratch.write("train-00000.h5", damaged);
    EXPECT_THAT(prepared.refusal(), HasSubstr("train-00000.h5: is damaged: headers differ"));
  }
  EXPECT_EQ(covered, size) << "every byte once";
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
  EXPECT_THAT(refusal_of([](Manifest&, ShardEntry& entry) { entry.index_checksum = "0123456789abcdef"; }),
              HasSubstr("is damaged: index (bytes"));
  EXPECT_THAT(refusal_of([](Manifest&, ShardEntry& entry) { entry.index_begin = std::int64_t{1} << 62; }),
              HasSubstr("index: must lie within the file"));
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
  prepared.scratch.write("train-00001.h5", format_shard(shard_of(random_rows(kManifestKey.fold("more"), 9))).bytes);
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
