#include "datasets/loading/token_set.h"

#include <algorithm>

#include "base/errors.h"
#include "datasets/loading/group_cache.h"

namespace palimpsest {

namespace {

// Rows of shards, addressed by the number of rows before each group.
class ShardSet : public TokenSet {
 public:
  ShardSet(std::vector<ShardReader> shards, std::map<std::string, RoleTokens> roles, std::int64_t memory_bytes)
      : cache_(std::move(shards), memory_bytes), tokens_(std::move(roles)) {
    for (std::int64_t group = 0; group < cache_.groups(); ++group)
      begins_.push_back(begins_.back() + cache_.rows_of(group));
  }

  void read_all() {
    for (std::int64_t group = 0; group < cache_.groups(); ++group) cache_.group(group);
  }
  std::int64_t rows() const override { return begins_.back(); }
  std::vector<std::int64_t> group_rows() const override {
    std::vector<std::int64_t> rows;
    for (std::int64_t group = 0; group < cache_.groups(); ++group) rows.push_back(cache_.rows_of(group));
    return rows;
  }
  std::string key(std::int64_t row) const override {
    const InGroup place = find(row);
    return place.group->key(place.row);
  }
  nlohmann::json meta(std::int64_t row) const override {
    const InGroup place = find(row);
    return place.group->meta(place.row);
  }
  std::vector<std::string> roles() const override {
    std::vector<std::string> names;
    for (const auto& [name, tokens] : tokens_) names.push_back(name);
    return names;
  }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    TORCH_CHECK(tokens_.contains(role), "TokenSet: no role ", role);
    const InGroup place = find(row);
    const RoleColumn& column = place.group->role(role);
    if (!column.has(place.row)) return std::nullopt;
    return column.ids_L(place.row);
  }
  InGroup in_group(std::int64_t row) const override { return find(row); }
  const std::string& fingerprint(const std::string& role) const override {
    TORCH_CHECK(tokens_.contains(role), "TokenSet: no role ", role);
    return tokens_.at(role).fingerprint;
  }

 private:
  InGroup find(std::int64_t row) const {
    TORCH_CHECK(0 <= row && row < rows(), "TokenSet: row ", row, " of ", rows());
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), row);
    const std::int64_t group = after - begins_.begin() - 1;
    return {cache_.group(group), row - begins_[static_cast<std::size_t>(group)]};
  }

  mutable GroupCache cache_;
  std::map<std::string, RoleTokens> tokens_;
  std::vector<std::int64_t> begins_{0};
};

const SplitEntry& find_split(const Manifest& manifest, const std::filesystem::path& directory,
                             const std::string& split) {
  const auto found = manifest.splits.find(split);
  if (found == manifest.splits.end()) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : manifest.splits) names.push_back(name);
    throw InputError(directory.string(), "split", "no split '" + split + "'" + suggest(split, names));
  }
  if (!found->second.complete) {
    throw InputError(directory.string(), split, "is not prepared to its end; run the same 'palimpsest prepare' again");
  }
  return found->second;
}

}  // namespace

std::shared_ptr<TokenSet> open_token_set(const std::filesystem::path& directory, const std::string& split,
                                         std::int64_t memory_bytes) {
  const Manifest manifest = read_manifest(directory);
  std::vector<ShardReader> shards;
  std::int64_t bytes = 0;
  for (const ShardEntry& entry : find_split(manifest, directory, split).shards) {
    shards.push_back(open_shard(directory, split, manifest, entry));
    bytes += entry.bytes;
  }
  auto set = std::make_shared<ShardSet>(std::move(shards), manifest.roles, memory_bytes);
  if (bytes <= memory_bytes) set->read_all();
  return set;
}

std::int64_t RoleReader::copy_ids(std::int64_t row, std::int64_t* out) const {
  const TokenSet::InGroup place = set_.in_group(row);
  TORCH_CHECK(place.group, "RoleReader: the set has no row groups");
  const RoleColumn& column = place.group->role(role_);
  column.copy_ids(place.row, out);
  return column.length(place.row);
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
