// The law of scenes: the [data.scenes] table of recipes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/options.h"
#include "datasets/scenes/description.h"

namespace palimpsest {

// Which held-out combinations the scenes of a split have.
enum class Combinations { kNone, kSome, kAny };
constexpr auto enum_names(Combinations) {
  return std::array{std::pair{Combinations::kNone, "none"}, std::pair{Combinations::kSome, "some"},
                    std::pair{Combinations::kAny, "any"}};
}

// [data.scenes.splits.SPLIT]
struct SceneSplitOptions {
  std::int64_t samples = 0;
  double from = 0.0, to = 1.0;                  // the split's share of all scenes, by the hash of what is in them
  Combinations held_out = Combinations::kNone;  // some: each scene has at least one
  std::int64_t fewest = 0, most = 0;            // kinds of things; 0: as the whole set

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("samples", self.samples, "scenes of the split");
    visitor("from", self.from, "first part of the split's share of all scenes, by what is in them");
    visitor("to", self.to, "end of the share, 0 to 1");
    visitor("held_out", self.held_out, "held-out combinations in its scenes: none, some (one at least) or any");
    visitor("fewest", self.fewest, "fewest kinds of things, 0 as [data.scenes] has it");
    visitor("most", self.most, "most kinds of things, 0 as [data.scenes] has it");
  }
  void validate() const;
};

// [data.scenes]
struct SceneOptions {
  std::int64_t seed = 0;
  std::int64_t grid = 3;              // cells a side
  std::int64_t fewest = 1, most = 3;  // kinds of things, uniform
  std::int64_t alike = 1;             // most things of one kind, uniform from 1
  double nested = 0.0;                // share of scenes of two kinds and more with a thing inside another
  std::int64_t relations = 1;         // told in a caption, at most
  double jitter = 0.6;                // of a thing in its cell, 0 to 1
  bool varied = true;                 // many phrasings of a caption, or one
  std::vector<Shape> shapes;          // none named: all
  std::vector<Colour> colours;
  std::vector<Size> sizes;
  std::vector<Relation> kinds;                                                        // of relations; none named: all
  Attributes caption_tells{Attribute::kShape, Attribute::kColour, Attribute::kSize};  // what captions say of a thing
  Attributes tones_tell{Attribute::kShape, Attribute::kColour, Attribute::kSize};     // what tones say
  std::int64_t marked = 1;  // facts that decide a scene's mark together
  // "red circle", "circle left of square": in no scene of a split that does not ask for them
  std::vector<std::string> held_out;
  std::map<std::string, SceneSplitOptions> splits;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("seed", self.seed, "of all scenes");
    visitor("grid", self.grid, "cells a side");
    visitor("fewest", self.fewest, "fewest kinds of things in a scene");
    visitor("most", self.most, "most kinds of things in a scene");
    visitor("alike", self.alike, "most things of one kind");
    visitor("nested", self.nested, "share of scenes of two kinds and more that have a thing inside another");
    visitor("relations", self.relations, "relations told in a caption, at most");
    visitor("jitter", self.jitter, "how far things lie from the middle of their cells, 0 to 1 of the room there is");
    visitor("varied", self.varied, "captions in many phrasings");
    visitor("shapes", self.shapes, "shapes of things; none named: all");
    visitor("colours", self.colours, "colours of things; none named: all");
    visitor("sizes", self.sizes, "sizes of things; none named: all");
    visitor("kinds", self.kinds, "relations that captions tell; none named: all");
    visitor("caption_tells", self.caption_tells, "what captions say of each thing: shape, colour, size");
    visitor("tones_tell", self.tones_tell, "what tones say of each thing: shape, colour, size");
    visitor("marked", self.marked, "facts that decide a scene's mark together");
    visitor("held_out", self.held_out, "combinations kept from training: 'red circle', 'circle left of square'");
    visitor("splits", self.splits, "the splits");
  }
  void validate() const;
};

// A combination that is held out: a colour with a shape, or a relation of two shapes.
struct Combination {
  Shape shape = Shape::kCircle;
  Colour colour = Colour::kRed;  // of a pair
  bool relates = false;
  Relation relation = Relation::kLeftOf;  // of a relation
  Shape object = Shape::kCircle;
};
// InputError for what is neither.
Combination parse_combination(const std::string& text);
// Whether the scene has it, told or not.
bool has_combination(const Scene& scene, const Combination& combination);

}  // namespace palimpsest
