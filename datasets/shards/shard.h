// Shard: rows of token ids, a few thousand to a file. Knows roles and tokenizers, not a canvas.
//
// In the file: /layouts/ROLE, and for each row group /groups/00000/roles/ROLE/{values, offsets, present},
// /groups/00000/key/{values, offsets} and /groups/00000/meta/{values, offsets} (JSON), each array one chunk; /index
// (shard_index.h); and one attribute "palimpsest" (JSON: format, split, source, rows).
//
// Shapes: N rows, M ids of all rows, L ids of the longest row, A coordinates (3).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shards/role_tokens.h"
#include "modalities/canvas/layout.h"

namespace palimpsest {

struct ShardRole {
  RoleTokens tokens;
  at::Tensor values_M;   // int64, tokenizer-local ids, row after row
  at::Tensor offsets;    // int64 [N+1], row n is values_M[offsets[n], offsets[n+1])
  at::Tensor present_N;  // bool: false where the row lacks the role
  at::Tensor layout_LA;  // int32, coordinates of the longest row; a shorter row's are its beginning
};

struct Shard {
  std::string split, source;
  std::vector<std::string> keys;
  std::vector<nlohmann::json> meta;
  std::map<std::string, ShardRole> roles;

  std::int64_t rows() const { return static_cast<std::int64_t>(keys.size()); }
};

// How rows are laid out in the file.
struct ShardFormat {
  std::int64_t rows_per_group =
      512;                   // read together; a few hundred kilobytes: long enough to read, short enough to mix
  std::int64_t deflate = 0;  // 0: arrays as they are; else zlib's level
};

struct FormattedShard {
  std::string bytes;                              // of the file
  std::int64_t index_begin = 0, index_bytes = 0;  // where /index lies in it
};

// The same shard gives the same bytes. c10::Error for roles whose sizes disagree with the keys.
FormattedShard format_shard(const Shard& shard, const ShardFormat& format = {});

// Gathers rows into a shard.
class ShardBuilder {
 public:
  ShardBuilder(std::string split, std::string source, std::map<std::string, RoleTokens> roles);
  // `codes` by role; a role that is not there is absent from the row. c10::Error for a layout that does not begin like
  // the layouts before it, an unknown role or an id outside its code space.
  void add(const std::string& key, nlohmann::json meta, const std::map<std::string, Codes>& codes);
  std::int64_t rows() const { return static_cast<std::int64_t>(keys_.size()); }
  Shard build() const;

 private:
  struct Column {
    RoleTokens tokens;
    std::vector<at::Tensor> values;
    std::vector<std::int64_t> offsets{0};
    std::vector<bool> present;
    at::Tensor layout_LA;
  };
  std::string split_, source_;
  std::vector<std::string> keys_;
  std::vector<nlohmann::json> meta_;
  std::map<std::string, Column> columns_;
};

}  // namespace palimpsest
