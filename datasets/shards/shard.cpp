#include "datasets/shards/shard.h"

#include <algorithm>
#include <span>

#include "base/files.h"
#include "base/zero_padded.h"
#include "datasets/shards/shard_index.h"

namespace palimpsest {

namespace {

constexpr const char* kAttribute = "palimpsest";

at::Tensor to_tensor(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

// Adding a row takes no operation of torch, whose calls would cost more than a short row's ids do.
std::span<const std::int64_t> ids_of(const at::Tensor& ids_L) {
  TORCH_CHECK(ids_L.dim() == 1 && ids_L.scalar_type() == at::kLong && ids_L.is_contiguous(),
              "ShardBuilder: ids are int64 [L]");
  return {ids_L.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(ids_L.numel())};
}

// What is cut out of a batch keeps all of that in memory.
at::Tensor on_its_own(const at::Tensor& ids_L) {
  return ids_L.storage().nbytes() == ids_L.nbytes() ? ids_L : ids_L.clone();
}

// Are the places the same as far as both reach?
bool begin_alike(const at::Tensor& one_LA, const at::Tensor& other_LA) {
  const at::Tensor one = one_LA.contiguous(), other = other_LA.contiguous();
  const std::int64_t shared = std::min(one.numel(), other.numel());
  const std::int32_t* places = one.const_data_ptr<std::int32_t>();
  return std::equal(places, places + shared, other.const_data_ptr<std::int32_t>());
}

std::string group_path(std::size_t number) { return "/groups/" + zero_padded(static_cast<std::int64_t>(number), 5); }

// Writes one row group, and keeps where its arrays went.
class GroupWriter {
 public:
  GroupWriter(Hdf5Writer& writer, std::size_t number, std::int64_t begin, std::int64_t end)
      : writer_(writer), path_(group_path(number)), begin_(begin), end_(end), place_{end - begin, {}} {}

  template <class Values>
  void array(const std::string& name, const Values& values) {
    place_.arrays[name] = writer_.write(path_ + "/" + name, values);
  }
  // A text a row, end to end.
  template <class TextOf>
  void texts(const std::string& name, const TextOf& text_of) {
    std::string values;
    std::vector<std::int64_t> offsets{0};
    for (std::int64_t row = begin_; row < end_; ++row) {
      values += text_of(static_cast<std::size_t>(row));
      offsets.push_back(static_cast<std::int64_t>(values.size()));
    }
    array(name + "/values", std::string_view(values));
    array(name + "/offsets", to_tensor(offsets));
  }
  void role(const std::string& name, const ShardRole& role) {
    const std::int64_t first = role.offsets[begin_].item<std::int64_t>(),
                       last = role.offsets[end_].item<std::int64_t>();
    array("roles/" + name + "/values", role.values_M.slice(0, first, last));
    array("roles/" + name + "/offsets", role.offsets.slice(0, begin_, end_ + 1) - first);
    array("roles/" + name + "/present", role.present_N.slice(0, begin_, end_));
  }
  const RowGroupPlace& place() const { return place_; }

 private:
  Hdf5Writer& writer_;
  std::string path_;
  std::int64_t begin_, end_;
  RowGroupPlace place_;
};

RowGroupPlace write_group(Hdf5Writer& writer, std::size_t number, const Shard& shard, const ShardFormat& format) {
  const std::int64_t begin = static_cast<std::int64_t>(number) * format.rows_per_group;
  GroupWriter group(writer, number, begin, std::min(begin + format.rows_per_group, shard.rows()));
  group.texts("key", [&shard](std::size_t row) { return shard.keys[row]; });
  group.texts("meta", [&shard](std::size_t row) { return shard.meta[row].dump(); });
  for (const auto& [name, role] : shard.roles) group.role(name, role);
  return group.place();
}

void check_sizes(const Shard& shard) {
  TORCH_CHECK(shard.meta.size() == shard.keys.size(), "format_shard: one meta a key, got ", shard.meta.size());
  for (const auto& [name, role] : shard.roles) {
    TORCH_CHECK(role.offsets.numel() == shard.rows() + 1 && role.present_N.numel() == shard.rows(),
                "format_shard: role ", name, " has other rows than there are keys");
  }
}

std::string_view piece(std::string_view bytes, std::int64_t begin, std::int64_t end) {
  return bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

void sum_arrays(ArrayPlaces& places, std::string_view bytes) {
  for (auto& [name, place] : places) place.sum = hash64_hex(piece(bytes, place.begin, place.begin + place.bytes));
}

// Everything is at its place and sums can be taken: the index is written over the blank that was kept for it.
void fill_index(ShardIndex& index, FormattedShard& formatted) {
  const std::pair range{formatted.index_begin, formatted.index_begin + formatted.index_bytes};
  const auto size = static_cast<std::int64_t>(formatted.bytes.size());
  sum_arrays(index.layouts, formatted.bytes);
  for (RowGroupPlace& group : index.groups) sum_arrays(group.arrays, formatted.bytes);
  index.superblock = hash64_hex(piece(formatted.bytes, 0, kSuperblockBytes));
  std::string headers;
  for (const auto& [begin, end] : index.header_ranges(size, range)) headers += piece(formatted.bytes, begin, end);
  index.headers = hash64_hex(headers);
  const std::string text = index.format();
  TORCH_CHECK(static_cast<std::int64_t>(text.size()) == formatted.index_bytes, "format_shard: the index grew");
  std::copy(text.begin(), text.end(), formatted.bytes.begin() + formatted.index_begin);
}

}  // namespace

FormattedShard format_shard(const Shard& shard, const ShardFormat& format) {
  check_sizes(shard);
  TORCH_CHECK(format.rows_per_group > 0, "format_shard: a row group has rows, got ", format.rows_per_group);
  Hdf5Writer writer(format.deflate);
  ShardIndex index{shard.split, shard.source, {}, {}, {}, {}, {}};
  for (const auto& [name, role] : shard.roles) {
    index.roles[name] = role.tokens;
    index.layouts[name] = writer.write("/layouts/" + name, role.layout_LA);
  }
  while (index.rows() < shard.rows()) index.groups.push_back(write_group(writer, index.groups.size(), shard, format));
  const nlohmann::json about{{"format", 2}, {"split", shard.split}, {"source", shard.source}, {"rows", shard.rows()}};
  writer.write_attribute(kAttribute, about.dump());
  const auto blank_sums = [](ArrayPlaces& places) {
    for (auto& [name, place] : places) place.sum.assign(hash64_hex("").size(), '0');
  };
  blank_sums(index.layouts);
  for (RowGroupPlace& group : index.groups) blank_sums(group.arrays);
  const ArrayPlace place = writer.write_plain("/index", index.format());
  FormattedShard formatted{writer.bytes(), place.begin, place.bytes};
  fill_index(index, formatted);
  return formatted;
}

ShardBuilder::ShardBuilder(std::string split, std::string source, std::map<std::string, RoleTokens> roles)
    : split_(std::move(split)), source_(std::move(source)) {
  for (auto& [name, tokens] : roles) {
    TORCH_CHECK(name.find('/') == std::string::npos, "ShardBuilder: a role's name has no slash, got ", name);
    columns_[name].tokens = std::move(tokens);
  }
}

void ShardBuilder::add(const std::string& key, nlohmann::json meta, const std::map<std::string, Codes>& codes) {
  for (const auto& [name, item] : codes) {
    TORCH_CHECK(columns_.contains(name), "ShardBuilder: no role ", name);
    const auto ids = ids_of(item.ids_L);
    TORCH_CHECK(item.ids_L.numel() == item.layout.length(), "ShardBuilder: role ", name, " of ", key,
                " has other places than ids");
    const std::int64_t space = columns_[name].tokens.space.size();
    TORCH_CHECK(std::all_of(ids.begin(), ids.end(), [space](std::int64_t id) { return id >= 0 && id < space; }),
                "ShardBuilder: role ", name, " of ", key, " has an id outside its code space of ", space);
    at::Tensor& longest_LA = columns_[name].layout_LA;
    const at::Tensor& layout_LA = item.layout.coordinates_LA;
    TORCH_CHECK(!longest_LA.defined() || begin_alike(longest_LA, layout_LA), "ShardBuilder: role ", name, " of ", key,
                " is laid out in another way than the rows before it");
    if (!longest_LA.defined() || layout_LA.size(0) > longest_LA.size(0)) longest_LA = layout_LA;
  }
  for (auto& [name, column] : columns_) {
    const auto found = codes.find(name);
    column.present.push_back(found != codes.end());
    const std::int64_t length = found == codes.end() ? 0 : found->second.ids_L.numel();
    if (length > 0) column.values.push_back(on_its_own(found->second.ids_L));
    column.offsets.push_back(column.offsets.back() + length);
  }
  keys_.push_back(key);
  meta_.push_back(std::move(meta));
}

Shard ShardBuilder::build() const {
  Shard shard{split_, source_, keys_, meta_, {}};
  for (const auto& [name, column] : columns_) {
    const at::Tensor none = at::empty({0}, at::kLong);
    const at::Tensor present_N = at::empty({rows()}, at::kBool);
    std::copy(column.present.begin(), column.present.end(), present_N.mutable_data_ptr<bool>());
    const at::Tensor layout_LA = column.layout_LA.defined() ? column.layout_LA : at::empty({0, kAxes}, at::kInt);
    shard.roles[name] = {column.tokens, column.values.empty() ? none : at::cat(column.values),
                         to_tensor(column.offsets), present_N, layout_LA};
  }
  return shard;
}

}  // namespace palimpsest
