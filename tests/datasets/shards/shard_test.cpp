#include "datasets/shards/shard.h"

#include <gmock/gmock.h>
#include <hdf5.h>

#include "base/errors.h"
#include "base/files.h"
#include "tests/datasets/shards/shard_file.h"
#include "tests/support/message.h"
#include "tests/support/scratch.h"
#include "tests/support/soak.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

const RandomKey kShardKey = RandomKey::root(1).fold("shards");

void expect_row(const RowGroup& group, std::int64_t index, const RandomRow& row) {
  EXPECT_EQ(group.key(index), row.key);
  EXPECT_EQ(group.meta(index), row.meta);
  for (const auto& [name, column] : group.roles()) {
    const auto codes = row.codes.find(name);
    ASSERT_EQ(column.has(index), codes != row.codes.end()) << name;
    if (codes == row.codes.end()) {
      EXPECT_EQ(column.length(index), 0) << name;
      continue;
    }
    EXPECT_TRUE(column.ids_L(index).equal(codes->second.ids_L)) << name;
  }
}

TEST(Shard, ComesBackAsItWasWrittenWhateverTheRowsAndTheFormat) {
  for (std::uint64_t round = 0; round < 40 * soak_factor(); ++round) {
    const auto count = static_cast<std::int64_t>(round < 3 ? round : kShardKey.below(30, round));
    const ShardFormat format{1 + static_cast<std::int64_t>(kShardKey.fold("group").below(12, round)),
                             static_cast<std::int64_t>(round % 3)};
    const auto rows = random_rows(kShardKey.fold(round), count);
    const ShardFile file(shard_of(rows), format);
    const ShardReader reader = file.reader();
    reader.verify_headers();
    const ShardIndex& index = reader.index();
    ASSERT_EQ(index.rows(), count);
    EXPECT_EQ(index.split, "train");
    EXPECT_EQ(index.source, "set.tar");
    EXPECT_EQ(index.roles, random_roles());
    std::size_t row = 0;
    for (std::size_t number = 0; number < index.groups.size(); ++number) {
      const auto group = reader.read_group(number);
      EXPECT_EQ(group->rows(), std::min(format.rows_per_group, count - static_cast<std::int64_t>(row)));
      for (std::int64_t place = 0; place < group->rows(); ++place) expect_row(*group, place, rows[row++]);
    }
    EXPECT_EQ(row, rows.size());
    for (const RandomRow& written : rows) {
      for (const auto& [role, codes] : written.codes) {
        const at::Tensor layout_LA = reader.layout_LA(role).slice(0, 0, codes.ids_L.numel());
        EXPECT_TRUE(layout_LA.equal(codes.layout.coordinates_LA)) << role;
      }
    }
  }
}

TEST(Shard, TheSameContentIsTheSameBytes) {
  for (const std::int64_t deflate : {0, 4}) {
    const auto bytes_of = [deflate](const RandomKey& key) {
      return format_shard(shard_of(random_rows(key, 20)), {7, deflate}).bytes;
    };
    const std::string bytes = bytes_of(kShardKey);
    { const std::vector<std::string> dirt(64, std::string(5000, '\xA5')); }  // what the heap hands out next is not zero
    EXPECT_EQ(bytes_of(kShardKey), bytes);
    EXPECT_NE(bytes_of(kShardKey.fold("other")), bytes);
  }
}

// A shard whose one caption has 10,000 ids, the last of them `id`.
Shard shard_with_id(std::int64_t id) {
  at::Tensor ids_L = at::zeros({10'000}, at::kLong);
  ids_L[-1] = id;
  ShardBuilder builder("train", "", {{"caption", {"", {"text", {std::int64_t{1} << 40}}}}});
  builder.add("a", {}, {{"caption", {ids_L, text_layout(10'000)}}});
  return builder.build();
}

TEST(Shard, IdsTakeTheSmallestTypeThatHoldsThem) {
  for (const auto& [id, width] :
       std::map<std::int64_t, std::int64_t>{{255, 1}, {256, 2}, {65'535, 2}, {65'536, 4}, {std::int64_t{1} << 32, 8}}) {
    const ShardFile file(shard_with_id(id));
    const ArrayPlace place = file.reader().index().groups.front().arrays.at("roles/caption/values");
    EXPECT_EQ(place.width, width) << id;
    EXPECT_EQ(place.bytes, 10'000 * width) << id;
    EXPECT_EQ(file.reader().read_group(0)->role("caption").ids_L(0)[-1].item<std::int64_t>(), id);
  }
}

TEST(Shard, DeflatedItIsSmallerAndReadsTheSame) {
  const ShardFile plain(shard_with_id(70'000)), deflated(shard_with_id(70'000), {512, 4});
  EXPECT_LT(deflated.bytes.size(), plain.bytes.size() / 4);
  EXPECT_TRUE(deflated.reader().read_group(0)->role("caption").ids_L(0).equal(
      plain.reader().read_group(0)->role("caption").ids_L(0)));
}

// An array as libhdf5 itself reads it from a file on the disk.
std::vector<std::int64_t> hdf5_values(const std::filesystem::path& path, const std::string& array) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, array.c_str(), H5P_DEFAULT), space = H5Dget_space(dataset);
  std::vector<std::int64_t> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  EXPECT_GE(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << array;
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return values;
}

TEST(Shard, IsAnHdf5FileThatOthersReadChunkByChunk) {
  const ScratchFolder scratch;
  const auto rows = random_rows(kShardKey, 40);
  for (const std::int64_t deflate : {0, 6}) {
    const ShardFile file(shard_of(rows), {16, deflate});
    const auto path = scratch.write("s.h5", file.bytes);
    const auto offsets = hdf5_values(path, "/groups/00001/roles/caption/offsets");
    const auto ids = hdf5_values(path, "/groups/00001/roles/caption/values");
    ASSERT_EQ(offsets.size(), 17u);
    for (std::size_t row = 0; row < 16; ++row) {
      const std::vector<std::int64_t> read(ids.begin() + offsets[row], ids.begin() + offsets[row + 1]);
      const auto codes = rows[16 + row].codes.find("caption");
      if (codes == rows[16 + row].codes.end()) continue;
      const at::Tensor written = codes->second.ids_L;
      EXPECT_TRUE(at::tensor(read, at::kLong).equal(written)) << row;
    }
    EXPECT_EQ(hdf5_values(path, "/groups/00002/key/offsets").size(), 9u) << "the last group is shorter";
    EXPECT_EQ(static_cast<std::int64_t>(hdf5_values(path, "/index").size()), file.entry.index_bytes);
  }
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

// What reading says to a shard that `spoil` has changed.
template <class Spoil>
std::string shard_refusal(const Spoil& spoil) {
  Shard shard = shard_of(random_rows(kShardKey, 12));
  spoil(shard);
  const ShardFile file(shard);
  return message_of<InputError>([&] { file.read_all(); });
}

TEST(Shard, RefusesWhatIsWrongByRowGroupAndArray) {
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].values_M[3] = 256; }),
              HasSubstr("s.h5: row group 0, roles/picture/values: holds an id outside 0..255"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["speech"].values_M[0] = -1; }),
              HasSubstr("roles/speech/values: holds an id outside 0..599"));
  EXPECT_THAT(shard_refusal([](Shard& s) { s.roles["picture"].offsets[1] = 1000; }),
              HasSubstr("roles/picture/offsets: must rise from 0"));
  EXPECT_THAT(shard_refusal([](Shard& s) {
                const at::Tensor lengths = s.roles["picture"].offsets.diff();
                s.roles["picture"].present_N[lengths.argmax().item<std::int64_t>()] = false;
              }),
              HasSubstr("roles/picture/present: must be set where a row has ids"));
  EXPECT_THAT(shard_refusal([](Shard& s) {
                s.roles["picture"].layout_LA = at::zeros({5, 2}, at::kInt);
              }),
              HasSubstr("layout of picture: must be [L,3]"));
}

TEST(Shard, RefusesSizesThatDisagreeBeforeTheyAreWritten) {
  Shard shard = shard_of(random_rows(kShardKey, 3));
  shard.keys.pop_back();
  EXPECT_THAT(message_of<c10::Error>([&] { format_shard(shard); }), HasSubstr("one meta a key"));
  shard.meta.pop_back();
  EXPECT_THAT(message_of<c10::Error>([&] { format_shard(shard); }), HasSubstr("has other rows than there are keys"));
}

// What the reader says to an index that `spoil` has changed, its sum set right again.
template <class Spoil>
std::string index_refusal(const Spoil& spoil) {
  ShardFile file(shard_of(random_rows(kShardKey, 12)), {5, 0});
  ShardIndex index = file.reader().index();
  spoil(index);
  const std::string text = index.format();
  file.bytes += text;  // behind the file: libhdf5 would not mind either
  file.entry.bytes = static_cast<std::int64_t>(file.bytes.size());
  file.entry.index_begin = file.entry.bytes - static_cast<std::int64_t>(text.size());
  file.entry.index_bytes = static_cast<std::int64_t>(text.size());
  file.entry.index_checksum = hash64_hex(text);
  return message_of<InputError>([&] { file.reader().read_group(1); });
}

TEST(ShardIndex, PlacesThatCannotBeAreRefusedByName) {
  const auto place = [](ShardIndex& index) -> ArrayPlace& { return index.groups[1].arrays.at("roles/picture/values"); };
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { place(i).begin = 1 << 30; }),
              HasSubstr("s.h5: /index: roles/picture/values: must lie within the file"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { place(i).begin = -1; }), HasSubstr("must lie within the file"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { place(i).width = 3; }), HasSubstr("must lie within the file"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { place(i).count = std::int64_t{1} << 62; }),
              HasSubstr("must have as many values as its bytes hold"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { place(i).deflated = true; }), HasSubstr("cannot be inflated"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { i.groups[1].arrays.erase("roles/picture/values"); }),
              HasSubstr("row group 1, roles/picture/values: is missing"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { i.groups[1].rows = 4; }), HasSubstr("rows: are not those of the"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { i.groups[1].rows = 0; }), HasSubstr("rows: must be at least 1"));
  EXPECT_THAT(index_refusal([&](ShardIndex& i) { i.roles["picture"].space.sub_range_sizes = {-1}; }),
              HasSubstr("sub_range_sizes: must lie in 1..2^40"));
}

}  // namespace
}  // namespace palimpsest
