// Description: what a caption says of a scene, and whether it is so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "datasets/scenes/scene.h"

namespace palimpsest {

// "two small red circles": how many things with these attributes there are, no more and no fewer.
struct Mention {
  std::int64_t count = 1;
  std::optional<Size> size;
  std::optional<Colour> colour;
  std::optional<Shape> shape;

  auto operator<=>(const Mention&) const = default;
  bool fits(const Thing& thing) const;
};

// "the red circle is left of the star": numbers of mentions, each of a single thing.
struct ToldRelation {
  std::size_t subject = 0, object = 0;
  Relation relation = Relation::kLeftOf;

  auto operator<=>(const ToldRelation&) const = default;
};

struct Description {
  std::vector<Mention> mentions;
  std::vector<ToldRelation> relations;

  bool operator==(const Description&) const = default;
};

// Mentions and relations in a fixed order, each once, so that equal descriptions are equal. Next to has no direction:
// its subject is the earlier mention.
Description ordered(const Description& description);

// The relations of single things that are true and may be told, by the attributes that are told; ordered.
std::vector<ToldRelation> true_relations(const Scene& scene, const std::vector<Mention>& mentions,
                                         const std::vector<Relation>& kinds);

// What is to be told of a scene.
struct Telling {
  Attributes attributes;            // of each thing
  std::vector<Relation> relations;  // that may be told
  std::int64_t told = 1;            // how many are, at most
};

// Everything that the attributes say of the scene, things alike told as one mention, and a uniform choice of so many
// of its true relations; ordered.
Description describe(const Scene& scene, const Telling& telling, RandomKey key);

// One fact, and whether it is so.
struct Fact {
  std::string name;
  bool holds = false;
};
struct Agreement {
  std::vector<Fact> facts;

  bool all() const;
  double share() const;  // of facts that hold; 0 without facts
};

// Each mention's count, each relation, and that there is nothing else.
Agreement agreement(const Description& description, const Scene& scene);
// Each thing of `truth` is in `scene`, in its cell and with these attributes, and nothing else is.
Agreement agreement(const Scene& truth, const Scene& scene, const Attributes& attributes);

}  // namespace palimpsest
