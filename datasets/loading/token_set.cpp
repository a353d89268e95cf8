#include "datasets/loading/token_set.h"

#include "base/errors.h"
#include "datasets/shards/manifest.h"

namespace palimpsest {

namespace {

// Shards in memory, addressed by the number of rows before each.
class ShardSet : public TokenSet {
 public:
  ShardSet(std::vector<Shard> shards, std::map<std::string, RoleTokens> roles)
      : shards_(std::move(shards)), tokens_(std::move(roles)) {
    for (const Shard& shard : shards_) begins_.push_back(begins_.back() + shard.rows());
  }

  std::int64_t rows() const override { return begins_.back(); }
  const std::string& key(std::int64_t row) const override {
    const Place place = find(row);
    return place.shard.keys[static_cast<std::size_t>(place.row)];
  }
  const nlohmann::json& meta(std::int64_t row) const override {
    const Place place = find(row);
    return place.shard.meta[static_cast<std::size_t>(place.row)];
  }
  std::vector<std::string> roles() const override {
    std::vector<std::string> names;
    for (const auto& [name, tokens] : tokens_) names.push_back(name);
    return names;
  }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    const Place place = find(row);
    TORCH_CHECK(tokens_.contains(role), "TokenSet: no role ", role);
    const ShardRole& column = place.shard.roles.at(role);
    if (!column.present_N.const_data_ptr<bool>()[place.row]) return std::nullopt;
    const std::int64_t* offset = column.offsets.const_data_ptr<std::int64_t>() + place.row;
    return column.values_M.slice(0, offset[0], offset[1]);
  }
  const std::string& fingerprint(const std::string& role) const override {
    TORCH_CHECK(tokens_.contains(role), "TokenSet: no role ", role);
    return tokens_.at(role).fingerprint;
  }

 private:
  struct Place {
    const Shard& shard;
    std::int64_t row;
  };
  Place find(std::int64_t row) const {
    TORCH_CHECK(0 <= row && row < rows(), "TokenSet: row ", row, " of ", rows());
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), row);
    const auto index = static_cast<std::size_t>(after - begins_.begin() - 1);
    return {shards_[index], row - begins_[index]};
  }

  std::vector<Shard> shards_;
  std::map<std::string, RoleTokens> tokens_;
  std::vector<std::int64_t> begins_{0};
};

Shard open_shard(const std::filesystem::path& directory, const std::string& split, const Manifest& manifest,
                 const ShardEntry& entry) {
  const std::string name = (directory / entry.file).string();
  Shard shard = parse_shard(read_verified(directory, entry), name);
  if (shard.split != split)
    throw InputError(name, "split", "is '" + shard.split + "', the manifest says '" + split + "'");
  if (shard.rows() != entry.rows) throw InputError(name, "rows", "are not those of the manifest");
  for (const auto& [role, tokens] : manifest.roles) {
    const auto found = shard.roles.find(role);
    if (found == shard.roles.end()) throw InputError(name, role, "is missing");
    if (!(found->second.tokens == tokens))
      throw InputError(name, role, "was made by another tokenizer than the manifest says");
  }
  return shard;
}

}  // namespace

std::shared_ptr<TokenSet> open_token_set(const std::filesystem::path& directory, const std::string& split) {
  const Manifest manifest = read_manifest(directory);
  const auto found = manifest.splits.find(split);
  if (found == manifest.splits.end()) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : manifest.splits) names.push_back(name);
    throw InputError(directory.string(), "split", "no split '" + split + "'" + suggest(split, names));
  }
  if (!found->second.complete) {
    throw InputError(directory.string(), split, "is not prepared to its end; run the same 'palimpsest prepare' again");
  }
  std::vector<Shard> shards;
  for (const ShardEntry& entry : found->second.shards) shards.push_back(open_shard(directory, split, manifest, entry));
  return std::make_shared<ShardSet>(std::move(shards), manifest.roles);
}

void check_fingerprints(const TokenSet& set, const std::map<std::string, std::string>& expected,
                        const std::string& name) {
  const auto roles = set.roles();
  for (const auto& [role, fingerprint] : expected) {
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) {
      throw InputError(name, role, "no such role in these shards" + suggest(role, roles));
    }
    if (set.fingerprint(role) != fingerprint) {
      throw InputError(name, role,
                       "its ids were made by another tokenizer: fingerprint " + set.fingerprint(role) +
                           ", the one here has " + fingerprint);
    }
  }
}

}  // namespace palimpsest
