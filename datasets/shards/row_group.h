// RowGroup: verified rows of a shard in memory, ids as small as they are stored.
//
// Shapes: L ids.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shards/shard_index.h"

namespace palimpsest {

// Texts of all rows, end to end.
struct TextColumn {
  std::string values;
  std::vector<std::int64_t> offsets;
  std::string_view at(std::int64_t row) const;
};

class RoleColumn {
 public:
  RoleColumn(std::string values, std::int64_t width, std::vector<std::int64_t> offsets, std::string present)
      : values_(std::move(values)), width_(width), offsets_(std::move(offsets)), present_(std::move(present)) {}

  bool has(std::int64_t row) const { return present_[static_cast<std::size_t>(row)] != 0; }
  std::int64_t length(std::int64_t row) const {
    return offsets_[static_cast<std::size_t>(row) + 1] - offsets_[static_cast<std::size_t>(row)];
  }
  void copy_ids(std::int64_t row, std::int64_t* out) const;  // length(row) of them
  at::Tensor ids_L(std::int64_t row) const;                  // int64
  at::Tensor all_ids_M() const;                              // int64, of all rows
  std::int64_t bytes() const;                                // of memory

 private:
  template <class Id>
  void copy_as(std::int64_t begin, std::int64_t count, std::int64_t* out) const;
  void copy(std::int64_t begin, std::int64_t count, std::int64_t* out) const;

  std::string values_;
  std::int64_t width_;
  std::vector<std::int64_t> offsets_;
  std::string present_;
};

// c10::Error for a row or role that there is not.
class RowGroup {
 public:
  RowGroup(TextColumn keys, TextColumn meta, std::map<std::string, RoleColumn> roles);

  std::int64_t rows() const { return static_cast<std::int64_t>(keys_.offsets.size()) - 1; }
  std::string key(std::int64_t row) const;
  nlohmann::json meta(std::int64_t row) const;
  const RoleColumn& role(const std::string& name) const;
  const std::map<std::string, RoleColumn>& roles() const { return roles_; }
  std::int64_t bytes() const { return bytes_; }  // of memory

 private:
  TextColumn keys_, meta_;
  std::map<std::string, RoleColumn> roles_;
  std::int64_t bytes_ = 0;
};

}  // namespace palimpsest
