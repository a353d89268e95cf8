#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/training/initial_weights.h"
#include "tests/tokenizers/untrained.h"

namespace palimpsest {
namespace {

// A page of these roles, in this order.
TableMeaning page(const std::vector<std::string>& order, std::map<std::string, std::string> fingerprints,
                  std::shared_ptr<Tokenizer> text = nullptr) {
  TableMeaning meaning;
  meaning.tokenizers = test::untrained_tokenizers();
  if (text) meaning.tokenizers["caption"] = std::move(text);
  CanvasOptions canvas;
  canvas.order = order;
  for (const std::string& role : order) canvas.roles[role] = {role == "picture" ? 4 : 8, role != "picture"};
  meaning.schema = make_schema(canvas, meaning.tokenizers, "r.toml");
  meaning.fingerprints = std::move(fingerprints);
  meaning.digits = {{"image", {4, 4}}, {"audio", {4, 4}}};
  return meaning;
}

const std::map<std::string, std::string> kSame{{"caption", "c1"}, {"picture", "p1"}, {"speech", "s1"}};

TEST(InitialWeights, IdsFollowTheirModalityWhereverItsRangeLies) {
  const TableMeaning before = page({"caption", "picture", "speech"}, kSame);
  const TableMeaning now = page({"picture", "caption"}, kSame);
  const RowMatch match = match_ids(now, before);
  const Vocabulary &mine = now.schema.vocabulary(), &theirs = before.schema.vocabulary();
  ASSERT_EQ(std::ssize(match), mine.size());
  for (std::int64_t id = 0; id < kFirstModalityId; ++id) EXPECT_EQ(match[static_cast<std::size_t>(id)], id);
  for (const char* modality : {"text", "image"}) {
    const IdRange here = mine.range(mine.modality_index(modality)),
                  there = theirs.range(theirs.modality_index(modality));
    for (std::int64_t i = 0; i < here.size(); ++i) {
      EXPECT_EQ(match[static_cast<std::size_t>(here.begin + i)], there.begin + i) << modality;
    }
  }
  EXPECT_EQ(match_roles(now, before), (RowMatch{1, 0}));
  EXPECT_EQ(match_roles(before, now), (RowMatch{1, 0, -1}));
}

TEST(InitialWeights, AnotherTokenizersIdsMeanNothing) {
  const TableMeaning before = page({"caption", "picture", "speech"}, kSame);
  const TableMeaning now =
      page({"caption", "picture", "speech"}, {{"caption", "c1"}, {"picture", "p2"}, {"speech", "s1"}});
  const RowMatch match = match_ids(now, before), digits = match_digits(now, before);
  const Vocabulary& vocabulary = now.schema.vocabulary();
  const IdRange image = vocabulary.range(1), audio = vocabulary.range(2);
  EXPECT_EQ(match[static_cast<std::size_t>(image.begin)], -1);
  EXPECT_EQ(match[static_cast<std::size_t>(image.end - 1)], -1);
  EXPECT_EQ(match[static_cast<std::size_t>(audio.begin)], audio.begin);
  EXPECT_EQ(digits[0], -1);
  EXPECT_EQ(digits.back(), std::ssize(digits) - 1);
}

TEST(InitialWeights, TokensOfTwoTextTokenizersAreMatchedByTheirBytes) {
  BytePairTable some = byte_table();
  const auto add = [](BytePairTable& table, const std::string& bytes) {
    const auto id_of = [&](char letter) {
      const auto found = std::find(table.bytes_of_id.begin(), table.bytes_of_id.end(), std::string(1, letter));
      return found - table.bytes_of_id.begin();
    };
    table.merges.emplace_back(id_of(bytes[0]), id_of(bytes[1]));
    table.bytes_of_id.push_back(bytes);
  };
  BytePairTable other = some;
  for (const char* bytes : {"ab", "cd"}) add(some, bytes);
  for (const char* bytes : {"xy", "cd", "ab"}) add(other, bytes);
  const TableMeaning before = page({"caption"}, {{"caption", "c1"}}, std::make_shared<BytePairTokenizer>(some));
  const TableMeaning now = page({"caption"}, {{"caption", "c2"}}, std::make_shared<BytePairTokenizer>(other));
  const RowMatch match = match_ids(now, before);
  const std::size_t first = static_cast<std::size_t>(kFirstModalityId) + 256;
  ASSERT_EQ(match.size(), first + 3);
  EXPECT_EQ(match[first], -1);
  EXPECT_EQ(match[first + 1], static_cast<std::int64_t>(first) + 1);
  EXPECT_EQ(match[first + 2], static_cast<std::int64_t>(first));
  EXPECT_EQ(match[first - 1], static_cast<std::int64_t>(first) - 1);
}

}  // namespace
}  // namespace palimpsest
