// What a prepared directory depends on: recipe, source, tokenizers.
#pragma once

#include "datasets/prepare/prepare.h"
#include "datasets/shards/shard.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

// The tokenizers of a recipe, opened and checked against the roles.
struct RoleTokenizers {
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  std::map<std::string, RoleTokens> tokens;
};
RoleTokenizers open_tokenizers(const PrepareOptions& options);

// Everything that decides the shards' bytes, as flat JSON: options (but for what only says where things are kept and
// how fast they are made), tokenizers by fingerprint, key files and table by content, the source's files by name, size
// and content of their ends.
nlohmann::json preparation_settings(const PrepareOptions& options, const RoleTokenizers& tokenizers, Part part = {});

// "2/8" for the second of eight, as a person gives it.
std::string part_name(Part part);

// InputError naming the first setting in which the directory's manifest differs.
void check_same_settings(const nlohmann::json& before, const nlohmann::json& now,
                         const std::filesystem::path& directory);

}  // namespace palimpsest
