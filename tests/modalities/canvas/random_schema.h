// Random schemas and documents for property tests.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest::testing_support {

// Draws from one key, counted up.
class Draws {
 public:
  explicit Draws(RandomKey key) : key_(key) {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(key_.below(static_cast<std::uint64_t>(high - low + 1), counter_++));
  }
  bool coin() { return between(0, 1) == 1; }

 private:
  RandomKey key_;
  std::uint64_t counter_ = 0;
};

// An image of scales 1x1, 2x2, ..., each its own depth.
inline Layout pyramid_layout(std::int64_t scales) {
  std::vector<at::Tensor> parts;
  for (std::int64_t scale = 0; scale < scales; ++scale) {
    at::Tensor part = grid_layout(std::int64_t{1} << scale, std::int64_t{1} << scale).coordinates_LA;
    part.select(1, 0).fill_(scale);
    parts.push_back(part);
  }
  return {"image", at::cat(parts)};
}

struct RandomKind {
  CodeSpace space;
  Layout layout;
};

inline RandomKind random_kind(Draws& draws, const std::string& modality) {
  const auto sizes = [&draws](std::int64_t count) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(draws.between(1, 9));
    return values;
  };
  const std::int64_t depths = draws.between(1, 3);
  const std::int64_t ranges = draws.coin() ? 1 : depths;
  Layout layout =
      draws.coin() ? text_layout(draws.between(1, 7)) : grid_layout(draws.between(1, 3), draws.between(1, 3));
  if (depths > 1) layout = draws.coin() ? pyramid_layout(depths) : frame_layout(draws.between(1, 4), depths);
  layout.modality = modality;
  return {{modality, sizes(ranges)}, layout};
}

// One to four roles over one to three modalities; two roles may share one.
inline CanvasSchema random_schema(Draws& draws) {
  std::vector<RandomKind> kinds;
  std::vector<CodeSpace> spaces;
  for (std::int64_t i = draws.between(1, 3); i > 0; --i) {
    kinds.push_back(random_kind(draws, "modality" + std::to_string(i)));
    spaces.push_back(kinds.back().space);
  }
  std::vector<Role> roles;
  for (std::int64_t i = draws.between(1, 4); i > 0; --i) {
    const auto kind = static_cast<std::size_t>(draws.between(0, static_cast<std::int64_t>(kinds.size()) - 1));
    roles.push_back({"role" + std::to_string(i), kinds[kind].layout, draws.coin()});
  }
  return CanvasSchema(roles, Vocabulary(spaces));
}

inline Document::Filling random_filling(Draws& draws, const CanvasSchema& schema, std::int64_t role) {
  const Role& entry = schema.role(role);
  const std::int64_t count = entry.elastic ? draws.between(0, entry.length()) : entry.length();
  const CodeSpace& space = schema.vocabulary().space(schema.modality_of(role));
  at::Tensor ids_L = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t range = space.sub_range_of(entry.layout.coordinates_LA[i][0].item<std::int64_t>());
    ids_L[i] =
        space.sub_range_begin(range) + draws.between(0, space.sub_range_sizes[static_cast<std::size_t>(range)] - 1);
  }
  return {ids_L, draws.coin(), {}};
}

inline Document random_document(Draws& draws, const CanvasSchema& schema, bool whole) {
  Document document;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    if (whole || draws.coin() || (role + 1 == schema.num_roles() && document.roles.empty())) {
      document.roles[schema.role(role).name] = random_filling(draws, schema, role);
    }
  }
  return document;
}

// A document as text, for comparing.
inline std::string describe(const Document& document) {
  std::string text;
  for (const auto& [name, filling] : document.roles) {
    text += name + (filling.frozen ? " frozen:" : ":");
    for (std::int64_t i = 0; i < filling.ids_L.size(0); ++i)
      text += " " + std::to_string(filling.ids_L[i].item<std::int64_t>());
    text += "\n";
  }
  return text;
}

}  // namespace palimpsest::testing_support
