// A run that goes on with another recipe than it was begun with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/recipe.h"

namespace palimpsest {

// Keys that differ between two tables, dotted, each with both values: "training.batch: 16 there, 32 here". Empty: the
// same.
std::vector<std::string> recipe_differences(const toml::table& there, const toml::table& here);

// Is the recipe of a run to be replaced by the one that was asked for? InputError naming the keys when they differ and
// that is not accepted, or when one of them says what the net and its tokens are, which no run can change.
bool settle_changes(const std::filesystem::path& run, const toml::table& stored, const toml::table& asked,
                    bool accepted);

// Writes the new recipe.toml; the old one stays beside it under the number of steps that it was followed for.
void replace_recipe(const std::filesystem::path& run, const toml::table& asked, std::int64_t steps_done);

}  // namespace palimpsest
