// Scenes as a source: data.form = "scenes". Roles name caption (text), picture (image), tones (audio) or mark (text:
// the number that some facts decide together).
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Each sample's meta holds its scene under "scene" (scene_from_json reads it), what its tones tell under "tones_tell",
// and the boxes of the things in its pictures under kObjectsKey. InputError as open of every form, and for pictures too
// small for the grid.
SourceForm scenes_form();

}  // namespace palimpsest
