// Scenes of many kinds, for tests.
#pragma once

#include "datasets/scenes/draw.h"

namespace palimpsest {

// Crowded: several things alike, things inside others, relations.
inline SceneOptions crowded_scenes() {
  SceneOptions options;
  options.grid = 4;
  options.most = 5;
  options.alike = 3;
  options.nested = 0.4;
  options.relations = 3;
  options.jitter = 1.0;
  options.splits["all"].samples = 1'000'000;
  return options;
}

inline SceneOptions plain_scenes() {
  SceneOptions options;
  options.splits["all"].samples = 1'000'000;
  return options;
}

}  // namespace palimpsest
