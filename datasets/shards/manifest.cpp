#include "datasets/shards/manifest.h"

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kManifestFormat = 1;

std::vector<std::string> chunk_sums(std::string_view bytes) {
  std::vector<std::string> sums;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kChunkBytes)
    sums.push_back(hash64_hex(bytes.substr(begin, kChunkBytes)));
  return sums;
}

nlohmann::json to_json(const ShardEntry& entry) {
  return {{"file", entry.file},   {"rows", entry.rows},         {"inputs", entry.inputs},
          {"bytes", entry.bytes}, {"checksum", entry.checksum}, {"chunks", entry.chunks}};
}

ShardEntry shard_from_json(const nlohmann::json& json) {
  ShardEntry entry{json.at("file"),  json.at("rows"),     json.at("inputs"),
                   json.at("bytes"), json.at("checksum"), json.at("chunks")};
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

std::string differing_chunk(std::string_view bytes, const ShardEntry& entry) {
  const auto sums = chunk_sums(bytes);
  for (std::size_t chunk = 0; chunk < sums.size() && chunk < entry.chunks.size(); ++chunk) {
    if (sums[chunk] == entry.chunks[chunk]) continue;
    const std::size_t begin = chunk * kChunkBytes, end = std::min(begin + kChunkBytes, bytes.size());
    return "chunk " + std::to_string(chunk) + " (bytes " + std::to_string(begin) + ".." + std::to_string(end - 1) +
           ") differs";
  }
  return "the manifest's own sums disagree with each other";
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
    const auto json = nlohmann::json::parse(read_file(path));
    if (json.at("format") != kManifestFormat)
      throw InputError("", "format", "is not " + std::to_string(kManifestFormat));
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
  nlohmann::json roles = nlohmann::json::object(), splits = nlohmann::json::object();
  for (const auto& [name, tokens] : manifest.roles) roles[name] = tokens.to_json();
  for (const auto& [name, split] : manifest.splits) splits[name] = to_json(split);
  const nlohmann::json json = {{"format", kManifestFormat},
                               {"settings", manifest.settings},
                               {"ledger_bytes", manifest.ledger_bytes},
                               {"roles", roles},
                               {"splits", splits}};
  write_file_atomically(directory / kManifestName, json.dump(1) + "\n");
}

ShardEntry describe_shard(const std::string& file, const Shard& shard, std::string_view bytes, std::int64_t inputs) {
  return {file, shard.rows(), inputs, static_cast<std::int64_t>(bytes.size()), hash64_hex(bytes), chunk_sums(bytes)};
}

std::string read_verified(const std::filesystem::path& directory, const ShardEntry& entry) {
  const std::filesystem::path path = directory / entry.file;
  if (!std::filesystem::exists(path)) throw InputError(path.string(), "", "is in the manifest but not there");
  std::string bytes = read_file(path);
  if (static_cast<std::int64_t>(bytes.size()) != entry.bytes) {
    throw InputError(
        path.string(), "",
        "has " + std::to_string(bytes.size()) + " bytes, the manifest says " + std::to_string(entry.bytes));
  }
  if (hash64_hex(bytes) != entry.checksum || chunk_sums(bytes) != entry.chunks) {
    throw InputError(path.string(), "", "is damaged: " + differing_chunk(bytes, entry));
  }
  return bytes;
}

}  // namespace palimpsest
