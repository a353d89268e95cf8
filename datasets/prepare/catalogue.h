// The catalogue of what can be asked of samples: measures, likenesses, caps.
#pragma once

#include "base/catalogue.h"

namespace palimpsest {

std::vector<CatalogueEntry> filter_catalogue();

}  // namespace palimpsest
