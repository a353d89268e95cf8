// What the processes of a run must have in common before the first step.
#pragma once

#include <filesystem>
#include <string>

#include "base/distributed.h"
#include "base/recipe.h"

namespace palimpsest {

// Compares program (by its bytes), number type, resolved recipe (the seed is one of its keys), prepared data and newest
// checkpoint. InputError in the first process, naming the rank that differs and in what; SaidElsewhere in the others.
void check_agreement(Peers& peers, const toml::table& recipe, const std::string& compute,
                     const std::filesystem::path& run);

}  // namespace palimpsest
