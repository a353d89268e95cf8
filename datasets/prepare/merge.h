// Parts that were prepared apart, joined.
#pragma once

#include <filesystem>
#include <vector>

#include "datasets/prepare/prepare.h"

namespace palimpsest {

// Makes DIRECTORY, which must not be there, out of all parts of one preparation: their shards under new names (links
// where the file system has them, copies otherwise), their ledgers one after another, one manifest. Whole or not there.
// InputError naming the part: not complete, prepared with other settings (the first that differs), missing or given
// twice, a shard whose bytes are not those of its manifest, a ledger whose rows are not those of its shards.
PrepareReport merge_parts(const std::filesystem::path& directory, const std::vector<std::filesystem::path>& parts);

}  // namespace palimpsest
