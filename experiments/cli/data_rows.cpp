#include "experiments/cli/data_rows.h"

#include "base/errors.h"
#include "datasets/shards/manifest.h"
#include "experiments/cli/inspect.h"

namespace palimpsest {

namespace {

std::string first_split(const std::filesystem::path& directory) {
  const Manifest manifest = read_manifest(directory);
  if (manifest.splits.empty()) throw InputError(directory.string(), "splits", "there are none");
  return manifest.splits.begin()->first;
}

// The tokenizers of the set's roles, checked against the ones that made the ids.
Tokenizers reading_tokenizers(const RowsWish& wish, const TokenSet& set, bool with_sounds) {
  const Tokenizers carried = carried_tokenizers(wish.tokenizers);
  Tokenizers reading;
  std::map<std::string, std::string> fingerprints;
  for (const std::string& role : set.roles()) {
    const auto found = carried.find(role);
    if (found == carried.end()) {
      throw InputError(wish.tokenizers.string(), "tokenizers/" + role, "is missing: the data have this role");
    }
    if (found->second->sample_rate() > 0 && !with_sounds) continue;
    reading.insert(*found);
    fingerprints[role] = tokenizer_fingerprint(wish.tokenizers / "tokenizers" / role);
  }
  check_fingerprints(set, fingerprints, wish.data.string());
  return reading;
}

}  // namespace

DataRows::DataRows(const RowsWish& wish, bool with_sounds)
    : split_(wish.split.empty() ? first_split(wish.data) : wish.split),
      set_(open_token_set(wish.data, split_)),
      tokenizers_(reading_tokenizers(wish, *set_, with_sounds)),
      count_(std::min(wish.rows, set_->rows())) {}

std::map<std::string, Media> DataRows::media(std::int64_t row) const {
  std::map<std::string, Media> media;
  for (const auto& [role, tokenizer] : tokenizers_) {
    const auto ids_L = set_->ids(row, role);
    if (ids_L) media[role] = tokenizer->decode({{*ids_L, tokenizer->layout(ids_L->numel())}}).front();
  }
  return media;
}

}  // namespace palimpsest
