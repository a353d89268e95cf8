// MediaSet: the media of one split in memory, for whatever trains on media itself (tokenizers, scorers).
#pragma once

#include <string>
#include <vector>

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// Every sample of the split with the named roles, in the source's order; pictures fitted, speech spoken (once: it is
// kept).
//   const auto data = recipe_options<DataOptions>(recipe, "data");
//   const auto samples = load_media_set(data, "train", {"picture"});
// Samples that cannot be read are left out and counted on stderr. InputError as open_source, and when none is left.
std::vector<Sample> load_media_set(const DataOptions& data, const std::string& split,
                                   const std::vector<std::string>& roles);

}  // namespace palimpsest
