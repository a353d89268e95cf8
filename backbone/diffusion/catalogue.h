// The catalogue of what noise can be and what is learned from it: one line and one paper each, in one place.
#pragma once

#include "base/catalogue.h"

namespace palimpsest {

// Every value of every enum of DiffusionOptions, every pattern, and every number that is a method.
std::vector<CatalogueEntry> diffusion_catalogue();

}  // namespace palimpsest
