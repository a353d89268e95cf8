// TokenSet: the verified shards of one split in memory, any row at hand; and the global order of training over a
// mixture of them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest {

// One data set's split as prepared: DIRECTORY/manifest.json lists its shards.
class TokenSet {
 public:
  virtual ~TokenSet() = default;
  virtual std::int64_t rows() const = 0;
  virtual const std::string& key(std::int64_t row) const = 0;
  virtual const nlohmann::json& meta(std::int64_t row) const = 0;
  virtual std::vector<std::string> roles() const = 0;
  // Tokenizer-local ids of a role (int64), empty optional when the row lacks it.
  virtual std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const = 0;
  // Fingerprint of the tokenizer that made the role's ids.
  virtual const std::string& fingerprint(const std::string& role) const = 0;
};

// Opens one split (every shard verified against the manifest's checksums before libhdf5 sees it). InputError: no
// manifest, a shard that is missing or whose checksum differs (named, with the chunk), unknown split (nearest
// suggested), a split not prepared to its end.
std::shared_ptr<TokenSet> open_token_set(const std::filesystem::path& directory, const std::string& split);

// InputError naming `name` and the role when the ids of a role were made by a tokenizer other than the expected one
// (fingerprints by role), or when the set has no such role.
void check_fingerprints(const TokenSet& set, const std::map<std::string, std::string>& expected,
                        const std::string& name);

// Which row is sample `global_index` of training: a weighted mixture of sets, each shuffled anew every epoch. A pure
// function of key and index: exact resume needs one integer.
struct MixturePart {
  std::shared_ptr<TokenSet> set;
  double weight = 1.0;
};
class Mixture {
 public:
  Mixture(std::vector<MixturePart> parts, RandomKey key);
  struct Place {
    std::size_t part;
    std::int64_t row;
    std::int64_t epoch;
  };
  Place place(std::int64_t global_index) const;
  const MixturePart& part(std::size_t index) const { return parts_.at(index); }
  // The row's roles, none frozen; those it lacks are hidden.
  Document document(const Place& place) const;

 private:
  // Parts follow each other in a pattern that repeats: a slot's part, and how many slots of the part come before it.
  struct Slot {
    std::uint32_t part, earlier;
  };
  std::vector<MixturePart> parts_;
  RandomKey key_;
  std::vector<std::int64_t> counts_;  // slots of each part in the pattern
  std::vector<Slot> pattern_;
};

}  // namespace palimpsest
