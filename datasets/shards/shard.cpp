#include "datasets/shards/shard.h"

#include "base/errors.h"
#include "datasets/shards/hdf5.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kShardFormat = 1;
constexpr const char* kAttribute = "palimpsest";

at::Tensor to_tensor(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

// Texts of all rows, end to end.
void write_texts(Hdf5Writer& writer, const std::string& path, const std::vector<std::string>& texts) {
  std::string values;
  std::vector<std::int64_t> offsets{0};
  for (const std::string& text : texts) {
    values += text;
    offsets.push_back(static_cast<std::int64_t>(values.size()));
  }
  writer.write(path + "/values", std::string_view(values));
  writer.write(path + "/offsets", to_tensor(offsets));
}

void check_offsets(const at::Tensor& offsets, std::int64_t rows, std::int64_t size, const std::string& file,
                   const std::string& path) {
  const bool shaped = offsets.dim() == 1 && offsets.size(0) == rows + 1;
  if (!shaped) throw InputError(file, path, "must have one entry more than there are rows");
  const auto steps = offsets.slice(0, 1) - offsets.slice(0, 0, rows);
  const bool rises = rows == 0 || steps.min().item<std::int64_t>() >= 0;
  if (!rises || offsets[0].item<std::int64_t>() != 0 || offsets[rows].item<std::int64_t>() != size) {
    throw InputError(file, path, "must rise from 0 to the number of values");
  }
}

std::vector<std::string> read_texts(const Hdf5Reader& reader, const std::string& path, std::int64_t rows,
                                    const std::string& file) {
  const std::string values = reader.read_bytes(path + "/values");
  const at::Tensor offsets = reader.read(path + "/offsets");
  check_offsets(offsets, rows, static_cast<std::int64_t>(values.size()), file, path + "/offsets");
  const std::int64_t* offset = offsets.const_data_ptr<std::int64_t>();
  std::vector<std::string> texts;
  for (std::int64_t row = 0; row < rows; ++row) {
    texts.push_back(
        values.substr(static_cast<std::size_t>(offset[row]), static_cast<std::size_t>(offset[row + 1] - offset[row])));
  }
  return texts;
}

void check_values(const at::Tensor& values, const CodeSpace& space, const std::string& file, const std::string& path) {
  if (values.numel() == 0) return;
  if (values.min().item<std::int64_t>() < 0 || values.max().item<std::int64_t>() >= space.size()) {
    throw InputError(file, path, "holds an id outside 0.." + std::to_string(space.size() - 1));
  }
}

ShardRole read_role(const Hdf5Reader& reader, const std::string& path, std::int64_t rows, const std::string& file,
                    RoleTokens tokens) {
  ShardRole role{std::move(tokens), reader.read(path + "/values"), reader.read(path + "/offsets"),
                 reader.read(path + "/present").to(at::kBool), reader.read(path + "/layout").to(at::kInt)};
  if (role.values_M.dim() != 1) throw InputError(file, path + "/values", "must be a line of ids");
  check_offsets(role.offsets, rows, role.values_M.numel(), file, path + "/offsets");
  check_values(role.values_M, role.tokens.space, file, path + "/values");
  if (role.present_N.dim() != 1 || role.present_N.size(0) != rows)
    throw InputError(file, path + "/present", "must have one entry a row");
  const std::int64_t longest = rows == 0 ? 0 : role.offsets.diff().max().item<std::int64_t>();
  if (role.layout_LA.dim() != 2 || role.layout_LA.size(1) != kAxes || role.layout_LA.size(0) < longest) {
    throw InputError(file, path + "/layout", "must be [L,3], L that of the longest row");
  }
  return role;
}

nlohmann::json describe(const Shard& shard) {
  nlohmann::json roles = nlohmann::json::object();
  for (const auto& [name, role] : shard.roles) roles[name] = role.tokens.to_json();
  return {{"format", kShardFormat},
          {"split", shard.split},
          {"source", shard.source},
          {"rows", shard.rows()},
          {"roles", roles}};
}

}  // namespace

nlohmann::json RoleTokens::to_json() const {
  return {{"fingerprint", fingerprint}, {"modality", space.modality}, {"sub_range_sizes", space.sub_range_sizes}};
}

RoleTokens RoleTokens::from_json(const nlohmann::json& json) {
  return {json.at("fingerprint").get<std::string>(),
          {json.at("modality").get<std::string>(), json.at("sub_range_sizes").get<std::vector<std::int64_t>>()}};
}

bool RoleTokens::operator==(const RoleTokens& other) const { return to_json() == other.to_json(); }

std::string format_shard(const Shard& shard) {
  TORCH_CHECK(shard.meta.size() == shard.keys.size(), "format_shard: one meta a key, got ", shard.meta.size());
  Hdf5Writer writer;
  for (const auto& [name, role] : shard.roles) {
    TORCH_CHECK(role.offsets.numel() == shard.rows() + 1, "format_shard: role ", name,
                " has other rows than there are keys");
    const std::string path = "/roles/" + name;
    writer.write(path + "/values", role.values_M);
    writer.write(path + "/offsets", role.offsets);
    writer.write(path + "/present", role.present_N);
    writer.write(path + "/layout", role.layout_LA);
  }
  std::vector<std::string> meta;
  for (const auto& row : shard.meta) meta.push_back(row.dump());
  write_texts(writer, "/key", shard.keys);
  write_texts(writer, "/meta", meta);
  writer.write_attribute(kAttribute, describe(shard).dump());
  return writer.bytes();
}

Shard parse_shard(std::string_view bytes, const std::string& name) {
  const Hdf5Reader reader(bytes, name);
  try {
    const auto description = nlohmann::json::parse(reader.read_attribute(kAttribute));
    if (description.at("format") != kShardFormat)
      throw InputError(name, "format", "is not " + std::to_string(kShardFormat));
    Shard shard{description.at("split"), description.at("source"), {}, {}, {}};
    const auto rows = description.at("rows").get<std::int64_t>();
    if (rows < 0) throw InputError(name, "rows", "must not be negative");
    shard.keys = read_texts(reader, "/key", rows, name);
    for (const std::string& text : read_texts(reader, "/meta", rows, name))
      shard.meta.push_back(nlohmann::json::parse(text));
    for (const auto& [role, tokens] : description.at("roles").items()) {
      shard.roles.emplace(role, read_role(reader, "/roles/" + role, rows, name, RoleTokens::from_json(tokens)));
    }
    return shard;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(name, kAttribute, error.what());
  }
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
    const at::Tensor& ids_L = item.ids_L;
    TORCH_CHECK(ids_L.numel() == item.layout.length(), "ShardBuilder: role ", name, " of ", key,
                " has other places than ids");
    const CodeSpace& space = columns_[name].tokens.space;
    TORCH_CHECK(ids_L.dim() == 1 && ids_L.scalar_type() == at::kLong, "ShardBuilder: ids are int64 [L]");
    TORCH_CHECK(ids_L.numel() == 0 ||
                    (ids_L.min().item<std::int64_t>() >= 0 && ids_L.max().item<std::int64_t>() < space.size()),
                "ShardBuilder: role ", name, " of ", key, " has an id outside its code space of ", space.size());
    at::Tensor& longest_LA = columns_[name].layout_LA;
    const at::Tensor& layout_LA = item.layout.coordinates_LA;
    const std::int64_t shared = longest_LA.defined() ? std::min(longest_LA.size(0), layout_LA.size(0)) : 0;
    TORCH_CHECK(shared == 0 || longest_LA.slice(0, 0, shared).equal(layout_LA.slice(0, 0, shared)),
                "ShardBuilder: role ", name, " of ", key, " is laid out in another way than the rows before it");
    if (!longest_LA.defined() || layout_LA.size(0) > longest_LA.size(0)) longest_LA = layout_LA;
  }
  for (auto& [name, column] : columns_) {
    const auto found = codes.find(name);
    column.present.push_back(found != codes.end());
    const std::int64_t length = found == codes.end() ? 0 : found->second.ids_L.numel();
    if (length > 0) column.values.push_back(found->second.ids_L.clone());
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
