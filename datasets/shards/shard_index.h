// ShardIndex: where everything in a shard's file lies, and what each piece's bytes sum to. It lies in the file itself,
// at /index; the manifest has its place and its own sum, and with it vouches for every byte of the file:
// manifest -> index -> superblock, headers and every array of every row group.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/shards/hdf5.h"
#include "datasets/shards/role_tokens.h"

namespace palimpsest {

// By name within the group: "key/values", "roles/picture/offsets".
using ArrayPlaces = std::map<std::string, ArrayPlace>;

// Rows that are read together: texts, pictures and sounds of the same samples.
struct RowGroupPlace {
  std::int64_t rows = 0;
  ArrayPlaces arrays;
};

struct ShardIndex {
  std::string split, source;
  std::map<std::string, RoleTokens> roles;
  std::string superblock, headers;  // sums; headers are every byte that is no array, index or superblock
  ArrayPlaces layouts;              // by role: coordinates of its longest row
  std::vector<RowGroupPlace> groups;

  std::int64_t rows() const;
  // The ranges [begin, end) of a file of `bytes` bytes that are neither the superblock, an array nor `index`.
  std::vector<std::pair<std::int64_t, std::int64_t>> header_ranges(std::int64_t bytes,
                                                                   std::pair<std::int64_t, std::int64_t> index) const;

  std::string format() const;  // JSON; its length does not depend on the sums
  // InputError naming `file` and the key: another format, places outside a file of `bytes` bytes, sizes that disagree.
  static ShardIndex parse(std::string_view text, const std::string& file, std::int64_t bytes);
};

inline constexpr std::int64_t kSuperblockBytes = 96;

}  // namespace palimpsest
