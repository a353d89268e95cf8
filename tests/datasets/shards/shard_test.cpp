#include "datasets/shards/shard.h"

#include <gmock/gmock.h>

#include "base/errors.h"
#include "datasets/shards/hdf5.h"
#include "tests/datasets/random_rows.h"
#include "tests/support/message.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const RandomKey kShardKey = RandomKey::root(1).fold("shards");

void expect_row(const Shard& shard, std::int64_t index, const RandomRow& row) {
  EXPECT_EQ(shard.keys[static_cast<std::size_t>(index)], row.key);
  EXPECT_EQ(shard.meta[static_cast<std::size_t>(index)], row.meta);
  for (const auto& [name, role] : shard.roles) {
    const auto codes = row.codes.find(name);
    EXPECT_EQ(role.present_N[index].item<bool>(), codes != row.codes.end()) << name;
    const std::int64_t begin = role.offsets[index].item<std::int64_t>(),
                       end = role.offsets[index + 1].item<std::int64_t>();
    if (codes == row.codes.end()) {
      EXPECT_EQ(begin, end) << name;
      continue;
    }
    EXPECT_TRUE(role.values_M.slice(0, begin, end).equal(codes->second.ids_L)) << name;
    EXPECT_TRUE(role.layout_LA.slice(0, 0, end - begin).equal(codes->second.layout.coordinates_LA)) << name;
  }
}

TEST(Shard, ComesBackAsItWasWrittenWhateverTheRows) {
  for (std::uint64_t round = 0; round < 40 * soak_factor(); ++round) {
    const auto count = static_cast<std::int64_t>(round < 3 ? round : kShardKey.below(30, round));
    const auto rows = random_rows(kShardKey.fold(round), count);
    const Shard shard = parse_shard(format_shard(shard_of(rows)), "s.h5");
    ASSERT_EQ(shard.rows(), count);
    EXPECT_EQ(shard.split, "train");
    EXPECT_EQ(shard.source, "set.tar");
    ASSERT_EQ(shard.roles.size(), random_roles().size());
    for (const auto& [name, tokens] : random_roles()) EXPECT_TRUE(shard.roles.at(name).tokens == tokens) << name;
    for (std::int64_t row = 0; row < count; ++row) expect_row(shard, row, rows[static_cast<std::size_t>(row)]);
  }
}

TEST(Shard, TheSameContentIsTheSameBytes) {
  const Shard shard = shard_of(random_rows(kShardKey, 20));
  const std::string bytes = format_shard(shard);
  { const std::vector<std::string> dirt(64, std::string(5000, '\xA5')); }  // what the heap hands out next is not zero
  EXPECT_EQ(format_shard(shard_of(random_rows(kShardKey, 20))), bytes);
  EXPECT_EQ(format_shard(parse_shard(bytes, "s.h5")), bytes);
  EXPECT_NE(format_shard(shard_of(random_rows(kShardKey.fold("other"), 20))), bytes);
}

// Bytes of a shard whose one caption has 10,000 ids, the last of them `id`.
std::size_t size_with_id(std::int64_t id) {
  at::Tensor ids_L = at::zeros({10'000}, at::kLong);
  ids_L[-1] = id;
  ShardBuilder builder("train", "", {{"caption", {"", {"text", {std::int64_t{1} << 40}}}}});
  builder.add("a", {}, {{"caption", {ids_L, text_layout(10'000)}}});
  return format_shard(builder.build()).size();
}

TEST(Shard, IdsTakeTheSmallestTypeThatHoldsThem) {
  const std::size_t one_byte = size_with_id(255);
  EXPECT_NEAR(static_cast<double>(size_with_id(256) - one_byte), 10'000.0, 100.0);
  EXPECT_NEAR(static_cast<double>(size_with_id(65'536) - one_byte), 30'000.0, 100.0);
  EXPECT_NEAR(static_cast<double>(size_with_id(std::int64_t{1} << 32) - one_byte), 70'000.0, 100.0);
}

TEST(ShardBuilder, RefusesWhatIsNoRow) {
  ShardBuilder builder("train", "set.tar", random_roles());
  const auto refusal = [&builder](const std::string& role, const at::Tensor& ids_L, const Layout& layout) {
    return message_of<c10::Error>([&] { builder.add("a", {}, {{role, {ids_L, layout}}}); });
  };
  const auto ids = [](std::int64_t count, std::int64_t id) { return at::full({count}, id, at::kLong); };
  EXPECT_THAT(refusal("picture", ids(6, 256), grid_layout(2, 3)),
              HasSubstr("role picture of a has an id outside its code space of 256"));
  EXPECT_THAT(refusal("picture", ids(6, -1), grid_layout(2, 3)), HasSubstr("outside its code space"));
  EXPECT_THAT(refusal("picture", ids(5, 0), grid_layout(2, 3)), HasSubstr("has other places than ids"));
  EXPECT_THAT(refusal("picture", ids(6, 0).to(at::kInt), grid_layout(2, 3)), HasSubstr("ids are int64"));
  EXPECT_THAT(refusal("pictures", ids(6, 0), grid_layout(2, 3)), HasSubstr("no role pictures"));
  builder.add("b", {}, {{"picture", {ids(6, 0), grid_layout(2, 3)}}});
  EXPECT_THAT(refusal("picture", ids(6, 0), grid_layout(3, 2)), HasSubstr("laid out in another way"));
  EXPECT_EQ(builder.rows(), 1);
}

// What parse_shard says to a shard that `spoil` has changed.
template <class Spoil>
std::string shard_refusal(const Spoil& spoil) {
  Shard shard = shard_of(random_rows(kShardKey, 12));
  spoil(shard);
  const std::string bytes = format_shard(shard);
  return message_of<InputError>([&] { parse_shard(bytes, "s.h5"); });
}

TEST(Shard, RefusesWhatIsWrongByTheArraysName) {
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].values_M[3] = 256; }),
              HasSubstr("s.h5: /roles/picture/values: holds an id outside 0..255"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["speech"].values_M[0] = -1; }),
              HasSubstr("/roles/speech/values: holds an id outside 0..599"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].offsets[1] = 1000; }),
              HasSubstr("/roles/picture/offsets: must rise from 0"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].offsets[0] = 1; }),
              HasSubstr("/roles/picture/offsets: must rise from 0"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].offsets[-1] = 5; }),
              HasSubstr("/roles/picture/offsets: must rise from 0"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["speech"].present_N = at::ones({3}, at::kBool); }),
              HasSubstr("/roles/speech/present: must have one entry"));
  EXPECT_THAT(shard_refusal([](Shard& s) {
                s.roles["picture"].layout_LA = at::zeros({5, 3}, at::kInt);
              }),
              HasSubstr("/roles/picture/layout: must be [L,3]"));
  EXPECT_THAT(shard_refusal([](Shard& s) {
                s.roles["picture"].layout_LA = at::zeros({6, 2}, at::kInt);
              }),
              HasSubstr("/roles/picture/layout: must be [L,3]"));
  EXPECT_THAT(shard_refusal([](Shard& s) {
                s.roles["picture"].values_M = at::zeros({2, 3}, at::kLong);
              }),
              HasSubstr("/roles/picture/values: must be a line"));
}

TEST(Shard, RefusesSizesThatDisagreeBeforeTheyAreWritten) {
  Shard shard = shard_of(random_rows(kShardKey, 3));
  shard.keys.pop_back();
  EXPECT_THAT(message_of<c10::Error>([&] { format_shard(shard); }), HasSubstr("one meta a key"));
  shard.meta.pop_back();
  EXPECT_THAT(message_of<c10::Error>([&] { format_shard(shard); }), HasSubstr("has other rows than there are keys"));
}

std::string shard_description(std::int64_t format, std::int64_t rows) {
  return nlohmann::json{
      {"format", format}, {"split", "a"}, {"source", ""}, {"rows", rows}, {"roles", nlohmann::json::object()}}
      .dump();
}

std::string description_refusal(const std::string& text) {
  Hdf5Writer writer;
  if (!text.empty()) writer.write_attribute("palimpsest", text);
  const std::string bytes = writer.bytes();
  return message_of<InputError>([&] { parse_shard(bytes, "s.h5"); });
}

TEST(Shard, RefusesOtherFilesByWhatTheyLack) {
  EXPECT_THAT(message_of<InputError>([] { parse_shard("no HDF5", "s.h5"); }), testing::Eq("s.h5: is not an HDF5 file"));
  EXPECT_THAT(message_of<InputError>([] { parse_shard("", "s.h5"); }), testing::Eq("s.h5: is not an HDF5 file"));
  EXPECT_THAT(description_refusal(""), HasSubstr("s.h5: palimpsest: is missing"));
  EXPECT_THAT(description_refusal("{"), HasSubstr("s.h5: palimpsest: "));
  EXPECT_THAT(description_refusal("{}"), AllOf(HasSubstr("s.h5: palimpsest: "), HasSubstr("format")));
  EXPECT_THAT(description_refusal(shard_description(2, 0)), HasSubstr("s.h5: format: is not 1"));
  EXPECT_THAT(description_refusal(shard_description(1, -1)), HasSubstr("s.h5: rows: must not be negative"));
  EXPECT_THAT(description_refusal(shard_description(1, 0)), HasSubstr("s.h5: /key/values: is missing"));
}

}  // namespace
}  // namespace palimpsest
