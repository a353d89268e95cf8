#include "datasets/shards/manifest.h"

#include "base/bounded_json.h"
#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kManifestFormat = 2;

nlohmann::json to_json(const ShardEntry& entry) {
  const nlohmann::json index{
      {"begin", entry.index_begin}, {"bytes", entry.index_bytes}, {"checksum", entry.index_checksum}};
  return {{"file", entry.file},   {"rows", entry.rows},         {"inputs", entry.inputs},
          {"bytes", entry.bytes}, {"checksum", entry.checksum}, {"index", index}};
}

ShardEntry shard_from_json(const nlohmann::json& json) {
  const nlohmann::json& index = json.at("index");
  ShardEntry entry{json.at("file"),     json.at("rows"),   json.at("inputs"), json.at("bytes"),
                   json.at("checksum"), index.at("begin"), index.at("bytes"), index.at("checksum")};
  if (entry.file.empty() || entry.file.find('/') != std::string::npos || entry.file.front() == '.') {
    throw InputError("", "file", "must be a plain file name, got '" + entry.file + "'");
  }
  return entry;
}

nlohmann::json to_json(const SplitEntry& split) {
  nlohmann::json shards = nlohmann::json::array();
  for (const ShardEntry& entry : split.shards) shards.push_back(to_json(entry));
  return {{"complete", split.complete}, {"rows", split.rows()}, {"inputs", split.inputs()}, {"shards", shards}};
}

SplitEntry split_from_json(const nlohmann::json& json) {
  SplitEntry split{json.at("complete"), {}};
  for (const auto& entry : json.at("shards")) split.shards.push_back(shard_from_json(entry));
  return split;
}

nlohmann::json to_json(const Manifest& manifest) {
  nlohmann::json roles = nlohmann::json::object(), splits = nlohmann::json::object();
  for (const auto& [name, tokens] : manifest.roles) roles[name] = tokens.to_json();
  for (const auto& [name, split] : manifest.splits) splits[name] = to_json(split);
  return {{"format", kManifestFormat},
          {"settings", manifest.settings},
          {"ledger_bytes", manifest.ledger_bytes},
          {"roles", roles},
          {"splits", splits}};
}

// The text with the sum of all that is not the sum.
std::string sealed(nlohmann::json json) {
  json.erase("checksum");
  json["checksum"] = hash64_hex(json.dump());
  return json.dump(1) + "\n";
}

void check_format(const nlohmann::json& json) {
  const nlohmann::json& format = json.at("format");
  if (format == kManifestFormat) return;
  throw InputError("", "format",
                   "is " + format.dump() + ", this program reads " + std::to_string(kManifestFormat) +
                       ": prepare the data again with 'palimpsest prepare RECIPE --out ' and another directory");
}

}  // namespace

std::int64_t SplitEntry::rows() const {
  std::int64_t sum = 0;
  for (const ShardEntry& entry : shards) sum += entry.rows;
  return sum;
}

std::int64_t SplitEntry::inputs() const {
  std::int64_t sum = 0;
  for (const ShardEntry& entry : shards) sum += entry.inputs;
  return sum;
}

Manifest read_manifest(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kManifestName;
  if (!std::filesystem::exists(path)) {
    throw InputError(directory.string(), kManifestName, "is missing: no directory that 'palimpsest prepare' wrote");
  }
  try {
    const std::string text = read_file(path);
    const auto json = parse_json(text, "");
    check_format(json);
    if (sealed(json) != text)
      throw InputError("", "checksum", "differs: the manifest is damaged or was edited; restore it or prepare again");
    Manifest manifest{json.at("settings"), json.at("ledger_bytes"), {}, {}};
    for (const auto& [name, tokens] : json.at("roles").items())
      manifest.roles.emplace(name, RoleTokens::from_json(tokens));
    for (const auto& [name, split] : json.at("splits").items()) manifest.splits.emplace(name, split_from_json(split));
    return manifest;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path.string(), "", error.what());
  } catch (const InputError& error) {
    throw InputError(path.string(), "", error.what());
  }
}

void write_manifest(const std::filesystem::path& directory, const Manifest& manifest) {
  write_file_atomically(directory / kManifestName, sealed(to_json(manifest)));
}

ShardEntry describe_shard(const std::string& file, const Shard& shard, const FormattedShard& formatted,
                          std::int64_t inputs) {
  const std::string_view bytes = formatted.bytes;
  const auto index =
      bytes.substr(static_cast<std::size_t>(formatted.index_begin), static_cast<std::size_t>(formatted.index_bytes));
  return {file,
          shard.rows(),
          inputs,
          static_cast<std::int64_t>(bytes.size()),
          hash64_hex(bytes),
          formatted.index_begin,
          formatted.index_bytes,
          hash64_hex(index)};
}

}  // namespace palimpsest
