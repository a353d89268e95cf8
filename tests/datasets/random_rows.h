// Rows of token ids drawn at random, as tokenizers might have made them.
#pragma once

#include "base/random.h"
#include "datasets/shards/shard.h"

namespace palimpsest {

struct RandomRow {
  std::string key;
  nlohmann::json meta;
  std::map<std::string, Codes> codes;  // a role that is not there is absent
};

// A text role of any length (0 too), a picture of 2x3 ids and speech of two codebooks.
inline std::map<std::string, RoleTokens> random_roles() {
  return {{"caption", {"00000000000000aa", {"text", {70'000}}}},
          {"picture", {"00000000000000bb", {"image", {256}}}},
          {"speech", {"00000000000000cc", {"audio", {300, 300}}}}};
}

inline at::Tensor random_ids(RandomKey key, std::int64_t length, std::int64_t bound) {
  const at::Tensor ids_L = at::empty({length}, at::kLong);
  for (std::int64_t place = 0; place < length; ++place) {
    const auto id = key.below(static_cast<std::uint64_t>(bound), static_cast<std::uint64_t>(place));
    ids_L.mutable_data_ptr<std::int64_t>()[place] = static_cast<std::int64_t>(id);
  }
  return ids_L;
}

inline RandomRow random_row(RandomKey key, std::int64_t number) {
  RandomRow row{"key " + std::to_string(number) + " ключ", {{"style", "s\u00e9"}, {"number", number}}, {}};
  const auto roles = random_roles();
  const auto length = static_cast<std::int64_t>(key.below(9, 0)), frames = static_cast<std::int64_t>(key.below(5, 1));
  const std::map<std::string, Layout> layouts{
      {"caption", text_layout(length)}, {"picture", grid_layout(2, 3)}, {"speech", frame_layout(frames, 2)}};
  for (const auto& [role, layout] : layouts) {
    if (key.fold(role).below(4, 0) == 0) continue;
    row.codes[role] = {random_ids(key.fold(role).fold("ids"), layout.length(), roles.at(role).space.size()), layout};
  }
  return row;
}

inline std::vector<RandomRow> random_rows(RandomKey key, std::int64_t count) {
  std::vector<RandomRow> rows;
  for (std::int64_t number = 0; number < count; ++number)
    rows.push_back(random_row(key.fold(static_cast<std::uint64_t>(number)), number));
  return rows;
}

inline Shard shard_of(const std::vector<RandomRow>& rows, const std::string& split = "train") {
  ShardBuilder builder(split, "set.tar", random_roles());
  for (const RandomRow& row : rows) builder.add(row.key, row.meta, row.codes);
  return builder.build();
}

}  // namespace palimpsest
