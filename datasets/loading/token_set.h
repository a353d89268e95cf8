// TokenSet: the verified rows of one prepared split, any row at hand.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/shards/row_group.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest {

// One data set's split as prepared: DIRECTORY/manifest.json lists its shards. Threads may share it.
class TokenSet {
 public:
  virtual ~TokenSet() = default;
  virtual std::int64_t rows() const = 0;
  // Rows that are read together, group after group: they sum to rows().
  virtual std::vector<std::int64_t> group_rows() const { return {rows()}; }
  virtual std::string key(std::int64_t row) const = 0;
  virtual nlohmann::json meta(std::int64_t row) const = 0;
  virtual std::vector<std::string> roles() const = 0;
  // Tokenizer-local ids of a role (int64), empty optional when the row lacks it.
  virtual std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const = 0;
  // The row group that holds the row, and the row's number in it; none where the set has no groups in memory.
  struct InGroup {
    std::shared_ptr<const RowGroup> group;
    std::int64_t row = 0;
  };
  virtual InGroup in_group(std::int64_t) const { return {}; }
  // Fingerprint of the tokenizer that made the role's ids.
  virtual const std::string& fingerprint(const std::string& role) const = 0;
};

// Memory for rows: a split that fits is read and verified whole when it is opened; of a larger one, row groups are read
// and verified when they are wanted, and the longest unused make room.
inline constexpr std::int64_t kTokenSetBytes = std::int64_t{1} << 30;

// Opens one split. InputError: no manifest, a shard that is missing or whose bytes differ from its sums (named, with
// row group and array; of a split larger than `memory_bytes` that comes when the rows are wanted), unknown split
// (nearest suggested), a split not prepared to its end.
std::shared_ptr<TokenSet> open_token_set(const std::filesystem::path& directory, const std::string& split,
                                         std::int64_t memory_bytes = kTokenSetBytes);

// One role of a set read row after row, without a tensor each.
class RoleReader {
 public:
  RoleReader(const TokenSet& set, std::string role) : set_(set), role_(std::move(role)) {}
  // Writes the row's ids and returns their number, 0 when it lacks the role.
  std::int64_t copy_ids(std::int64_t row, std::int64_t* out) const;

 private:
  const TokenSet& set_;
  std::string role_;
};

// InputError naming `name` and the role when the ids of a role were made by a tokenizer other than the expected one
// (fingerprints by role), or when the set has no such role.
void check_fingerprints(const TokenSet& set, const std::map<std::string, std::string>& expected,
                        const std::string& name);

}  // namespace palimpsest
