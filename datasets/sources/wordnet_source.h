// WordNet's data files (data.noun, data.verb, data.adj, data.adv): words and what they mean.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the synsets in order under the keys noun:00001740 and on. Fields: `word` (the first), `words`, `gloss`
// (without its examples), `examples`, and `text`, which is "WORD: GLOSS". A line that is no synset is a result with an
// error; those of the license, which begin with a blank, are passed over.
std::unique_ptr<Source> wordnet_source(std::vector<std::filesystem::path> files, MemberRequest request);

SourceForm wordnet_form();

}  // namespace palimpsest
