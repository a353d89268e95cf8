// Documents that are longer than their place in a canvas, as several.
#pragma once

#include <memory>

#include "datasets/loading/token_set.h"
#include "modalities/canvas/schema.h"

namespace palimpsest {

// The rows of the set, of which one whose elastic roles pass the schema's bounds becomes as many, KEY#1of3 and on: each
// has the next ids of such roles, as many as fit, and all of the others. Row groups stay together. Ids are not cut
// between words: who wants that splits texts when they are prepared (split_bytes).
std::shared_ptr<TokenSet> split_long_rows(std::shared_ptr<TokenSet> set, const CanvasSchema& schema);

}  // namespace palimpsest
