// A small mixed schema and documents for it, drawn from keys.
#pragma once

#include "base/random.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest::test {

// caption: elastic text of 6; picture: 3x3 grid; speech: 3 frames of 2 codebooks, a sub-range each.
inline CanvasSchema small_schema() {
  Vocabulary vocabulary({{"text", {11}}, {"image", {9}}, {"audio", {7, 5}}});
  return CanvasSchema(
      {{"caption", text_layout(6), true}, {"picture", grid_layout(3, 3), false}, {"speech", frame_layout(3, 2), false}},
      std::move(vocabulary));
}

// Random ids for a role, as many as it holds (fewer in elastic roles).
inline at::Tensor random_ids(const CanvasSchema& schema, std::int64_t role, RandomKey key) {
  const Role& place = schema.role(role);
  const CodeSpace& space = schema.vocabulary().space(schema.modality_of(role));
  const auto length =
      place.elastic ? static_cast<std::int64_t>(key.fold("length").below(static_cast<std::uint64_t>(place.length()), 0))
                    : place.length();
  at::Tensor ids_L = at::empty({length}, at::kLong);
  for (std::int64_t i = 0; i < length; ++i) {
    const std::int64_t depth = place.layout.coordinates_LA[i][0].item().toLong();
    const auto sub_range = space.sub_range_of(depth);
    const auto size = static_cast<std::uint64_t>(space.sub_range_sizes[static_cast<std::size_t>(sub_range)]);
    ids_L[i] =
        space.sub_range_begin(sub_range) + static_cast<std::int64_t>(key.below(size, static_cast<std::uint64_t>(i)));
  }
  return ids_L;
}

// One document with every role but those of `without`.
inline Document random_document(const CanvasSchema& schema, RandomKey key, const std::string& without = "") {
  Document document;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    const std::string& name = schema.role(role).name;
    if (name != without) document.roles[name].ids_L = random_ids(schema, role, key.fold(name));
  }
  return document;
}

inline std::vector<Document> random_documents(const CanvasSchema& schema, std::int64_t count, std::uint64_t seed) {
  std::vector<Document> documents;
  for (std::int64_t i = 0; i < count; ++i) {
    documents.push_back(random_document(schema, RandomKey::root(seed).fold(static_cast<std::uint64_t>(i))));
  }
  return documents;
}

inline std::vector<std::int64_t> indices(std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) result[static_cast<std::size_t>(i)] = begin + i;
  return result;
}

}  // namespace palimpsest::test
