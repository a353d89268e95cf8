// Recipes: TOML files that say everything a run needs.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/errors.h"

namespace palimpsest {

// Where a key was written: a line of a file, or an override of the command line (line 0).
struct RecipePlace {
  std::string file;
  std::int64_t line = 0;
  std::string text;  // of the line
};

// A recipe as read: the merged table, the file that errors name, and where each dotted key comes from.
struct Recipe {
  toml::table table;
  std::string file;
  std::map<std::string, RecipePlace> places = {};
};

// Where recipes live when an argument is a NAME: $PALIMPSEST_RECIPES, or experiments/recipes of the source tree.
std::filesystem::path recipe_root();

// Reads `argument`, a path or the NAME of a recipe under recipe_root()/`kind`/NAME.toml (kind is prepare, train,
// tokenizers or evaluate). `base = "other"` inherits: tables merge, lists and scalars replace. `overrides` are
// "table.key=value" in TOML spelling (a bare word is taken as a string), applied last. InputError: no such file
// (nearest NAME suggested), TOML errors with line and column, a base that includes itself.
Recipe load_recipe(const std::string& argument, const std::string& kind,
                   const std::vector<std::string>& overrides = {});

// Every value of a table that is no table itself, by dotted key; the nodes are the table's.
std::map<std::string, const toml::node*> recipe_values(const toml::table& table, const std::string& prefix = "");

// A value as recipes spell it, strings without their quotes; "" where there is none.
std::string recipe_text(toml::node_view<const toml::node> node);

// Tables merge; everything else in `above` replaces what is in `below`.
void merge_tables(toml::table& below, const toml::table& above);

// An error about the recipe, told as FILE:LINE with the line below, where the recipe says its key (or the nearest table
// around it). Errors about other files are given back as they are.
InputError at_its_line(const Recipe& recipe, const InputError& error);

// Runs `action`; errors about the recipe leave it at their line.
template <class Action>
auto with_lines(const Recipe& recipe, Action&& action) {
  try {
    return action();
  } catch (const InputError& error) {
    throw at_its_line(recipe, error);
  }
}

// The recipe's table `name` as options; defaults where the table is absent. Unknown keys are InputErrors.
//   auto diffusion = recipe_options<DiffusionOptions>(recipe, "diffusion");
template <class T>
T recipe_options(const Recipe& recipe, const std::string& name);

}  // namespace palimpsest

#include "base/options.h"

namespace palimpsest {

template <class T>
T recipe_options(const Recipe& recipe, const std::string& name) {
  return with_lines(recipe, [&] {
    const toml::node* node = recipe.table.get(name);
    if (!node) return read_options<T>(toml::table{}, recipe.file, name);
    if (!node->is_table()) throw InputError(recipe.file, name, "must be a table");
    return read_options<T>(*node->as_table(), recipe.file, name);
  });
}

}  // namespace palimpsest
