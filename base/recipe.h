// Recipes: TOML files that say everything a run needs.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <string>
#include <vector>

namespace palimpsest {

// A recipe as read: the merged table and the file that errors name.
struct Recipe {
  toml::table table;
  std::string file;
};

// Where recipes live when an argument is a NAME: $PALIMPSEST_RECIPES, or experiments/recipes of the source tree.
std::filesystem::path recipe_root();

// Reads `argument`, a path or the NAME of a recipe under recipe_root()/`kind`/NAME.toml (kind is prepare, train,
// tokenizers or evaluate). `base = "other"` inherits: tables merge, lists and scalars replace. `overrides` are
// "table.key=value" in TOML spelling (a bare word is taken as a string), applied last. InputError: no such file
// (nearest NAME suggested), TOML errors with line and column, a base that includes itself.
Recipe load_recipe(const std::string& argument, const std::string& kind,
                   const std::vector<std::string>& overrides = {});

// The recipe's table `name` as options; defaults where the table is absent. Unknown keys are InputErrors.
//   auto diffusion = recipe_options<DiffusionOptions>(recipe, "diffusion");
template <class T>
T recipe_options(const Recipe& recipe, const std::string& name);

}  // namespace palimpsest

#include "base/options.h"

namespace palimpsest {

template <class T>
T recipe_options(const Recipe& recipe, const std::string& name) {
  const toml::node* node = recipe.table.get(name);
  if (!node) return read_options<T>(toml::table{}, recipe.file, name);
  if (!node->is_table()) throw InputError(recipe.file, name, "must be a table");
  return read_options<T>(*node->as_table(), recipe.file, name);
}

}  // namespace palimpsest
