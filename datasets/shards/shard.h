// Shard: rows of token ids, a few thousand to a file. Knows roles and tokenizers, not a canvas.
//
// In the file: /roles/ROLE/{values, offsets, present, layout}, /key/{values, offsets} and /meta/{values, offsets}
// (JSON), and one attribute "palimpsest" (JSON: format, split, source, rows, roles with the tokenizer's fingerprint and
// code space).
//
// Shapes: N rows, M ids of all rows, L ids of the longest row, A coordinates (3).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/canvas/layout.h"

namespace palimpsest {

// Who made a role's ids.
struct RoleTokens {
  std::string fingerprint;  // of the tokenizer
  CodeSpace space;          // of its ids

  nlohmann::json to_json() const;
  static RoleTokens from_json(const nlohmann::json& json);
  bool operator==(const RoleTokens& other) const;
};

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

// The file's bytes; the same shard gives the same bytes. c10::Error for roles whose sizes disagree with the keys.
std::string format_shard(const Shard& shard);

// The exact inverse, for verified bytes. InputError naming `name` and the array: missing, offsets that fall or do not
// end at the last value, an id outside the code space.
Shard parse_shard(std::string_view bytes, const std::string& name);

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
