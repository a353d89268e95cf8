// Drawing scenes by their law: a pure function of seed, split and index.
#pragma once

#include <functional>

#include "datasets/scenes/options.h"

namespace palimpsest {

// The split's table with what it leaves to the whole set filled in. InputError: a split without its table.
SceneSplitOptions split_of(const SceneOptions& options, const std::string& split);

// One scene and all that is told of it. Keys of the streams that phrase and place it are folded from `key`.
struct SceneSample {
  Scene scene;
  Description description;  // what the caption says
  std::int64_t mark = 0;
  RandomKey key;

  std::string caption(const SceneOptions& options) const;
};

// The scenes of one split.
class SceneLaw {
 public:
  // `holds` says whether a scene, by its canonical text, is of the split's share; none: all are. InputError: a split
  // without its table.
  SceneLaw(const SceneOptions& options, const std::string& split, std::function<bool(const std::string&)> holds = {});

  std::int64_t samples() const { return split_.samples; }
  // Scene `index` of the split: the first of a stream of keyed draws that the split may have. Kinds are uniform without
  // replacement over pairs of shape and colour, all else is uniform. InputError when none of 100,000 draws will do.
  SceneSample draw(std::int64_t index) const;

 private:
  Scene propose(RandomKey key) const;
  std::vector<Thing> propose_kinds(std::size_t kinds, bool nested, RandomKey key) const;
  bool accepts(const Scene& scene) const;

  SceneOptions options_;
  std::string name_;
  SceneSplitOptions split_;
  Telling telling_;
  std::vector<Combination> held_out_;
  std::function<bool(const std::string&)> holds_;
};

}  // namespace palimpsest
