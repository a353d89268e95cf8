// manifest.json: which shards a prepared directory has. A shard that is not in it does not exist.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shards/shard.h"

namespace palimpsest {

struct ShardEntry {
  std::string file;         // name within the directory
  std::int64_t rows = 0;    // kept
  std::int64_t inputs = 0;  // samples of the source it stands for, in their order
  std::int64_t bytes = 0;
  std::string checksum;                           // XXH3 64-bit of the file
  std::int64_t index_begin = 0, index_bytes = 0;  // where its index lies, which has the sums of all the rest
  std::string index_checksum;
};

struct SplitEntry {
  bool complete = false;
  std::vector<ShardEntry> shards;

  std::int64_t rows() const;
  std::int64_t inputs() const;
};

struct Manifest {
  nlohmann::json settings = nlohmann::json::object();  // what the directory was prepared with
  std::int64_t ledger_bytes = 0;                       // of ledger.jsonl, written so far
  std::map<std::string, RoleTokens> roles;
  std::map<std::string, SplitEntry> splits;
};

inline constexpr const char* kManifestName = "manifest.json";

// InputError naming the file and the key: no manifest ("prepare has not written here"), wrong types, another format, a
// text that is not what write_manifest wrote to the last byte.
Manifest read_manifest(const std::filesystem::path& directory);
void write_manifest(const std::filesystem::path& directory, const Manifest& manifest);

// Sums of a shard's bytes.
ShardEntry describe_shard(const std::string& file, const Shard& shard, const FormattedShard& formatted,
                          std::int64_t inputs);

}  // namespace palimpsest
