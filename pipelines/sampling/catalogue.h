// The catalogue of the sampler's policies: one line and one paper each, in one place.
#pragma once

#include "base/catalogue.h"

namespace palimpsest {

// Every value of every enum of SamplerOptions, and every number that is a method, in the order of the options.
std::vector<CatalogueEntry> sampler_catalogue();

}  // namespace palimpsest
