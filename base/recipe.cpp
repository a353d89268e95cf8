#include "base/recipe.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCommandLine = "command line";

toml::table parse_toml(const std::string& text, const std::string& file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const auto& place = error.source().begin;
    throw InputError(file, "line " + std::to_string(place.line) + ", column " + std::to_string(place.column),
                     error.description());
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Where every key of a file was written, dotted; tables of a list are KEY[0], KEY[1], ...
class PlaceReader {
 public:
  PlaceReader(const toml::table& table, const std::string& file, const std::string& text)
      : file_(file), lines_(lines_of(text)) {
    read_table(table, "");
  }
  std::map<std::string, RecipePlace> take() { return std::move(places_); }

 private:
  void add(const std::string& key, toml::source_index line) {
    const std::string text = line >= 1 && line <= lines_.size() ? lines_[line - 1] : "";
    places_[key] = {file_, static_cast<std::int64_t>(line), text};
  }
  void read_node(const toml::node& node, const std::string& key) {
    if (const toml::table* table = node.as_table()) read_table(*table, key);
    const toml::array* list = node.as_array();
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const std::string element = key + "[" + std::to_string(i) + "]";
      add(element, list->get(i)->source().begin.line);
      read_node(*list->get(i), element);
    }
  }
  void read_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = options_detail::join_key(prefix, name.str());
      add(key, name.source().begin.line);
      read_node(node, key);
    }
  }

  std::string file_;
  std::vector<std::string> lines_;
  std::map<std::string, RecipePlace> places_;
};

std::vector<std::string> recipe_names(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::is_directory(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool looks_like_path(const std::string& argument) {
  return argument.ends_with(".toml") || argument.find('/') != std::string::npos;
}

// A NAME is looked for in each folder in turn.
fs::path find_named(const std::string& name, const std::vector<fs::path>& folders, const std::string& asker) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders) {
    const fs::path path = folder / (name + ".toml");
    if (fs::is_regular_file(path)) return path;
    const auto more = recipe_names(folder);
    names.insert(names.end(), more.begin(), more.end());
  }
  throw InputError(asker, "", "no recipe '" + name + "' in " + folders.back().string() + suggest(name, names));
}

Recipe load_with_bases(const fs::path& path, const fs::path& named_folder, std::vector<fs::path> chain) {
  const fs::path canonical = fs::weakly_canonical(path);
  if (std::find(chain.begin(), chain.end(), canonical) != chain.end()) {
    throw InputError(path.string(), "base", "the recipe includes itself");
  }
  chain.push_back(canonical);
  const std::string text = read_file(path);
  toml::table table = parse_toml(text, path.string());
  std::map<std::string, RecipePlace> places = PlaceReader(table, path.string(), text).take();
  const toml::node* base = table.get("base");
  if (!base) return {std::move(table), path.string(), std::move(places)};
  if (!base->is_string()) throw InputError(path.string(), "base", "must be a string");
  const std::string name = **base->as_string();
  const fs::path beside = path.parent_path();
  const fs::path base_path =
      looks_like_path(name) ? beside / name : find_named(name, {beside, named_folder}, path.string() + ": base");
  Recipe merged = load_with_bases(base_path, named_folder, chain);
  table.erase("base");
  merge_tables(merged.table, table);
  places.merge(merged.places);
  return {std::move(merged.table), path.string(), std::move(places)};
}

// The value of an override: TOML when it is, otherwise the bare words themselves as a string.
toml::table parse_override_value(const std::string& key, const std::string& text) {
  const bool quoted = !text.empty() && std::string_view("\"'[{").find(text.front()) != std::string_view::npos;
  try {
    toml::table parsed = toml::parse("value = " + text);
    if (parsed.size() == 1) return parsed;
  } catch (const toml::parse_error& error) {
    if (quoted) throw InputError(kCommandLine, key, error.description());
  }
  return toml::table{{"value", text}};
}

void apply_override(Recipe& recipe, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(kCommandLine, assignment, "an override is written table.key=value");
  }
  const std::string key = assignment.substr(0, equals);
  const toml::table value = parse_override_value(key, assignment.substr(equals + 1));
  recipe.places[key] = {std::string(kCommandLine), 0, assignment};
  toml::table* table = &recipe.table;
  std::size_t begin = 0;
  for (std::size_t dot = key.find('.'); dot != std::string::npos; begin = dot + 1, dot = key.find('.', begin)) {
    const std::string name = key.substr(begin, dot - begin);
    if (name.empty()) throw InputError(kCommandLine, key, "a part of the key is empty");
    if (!table->get(name)) table->insert(name, toml::table{});
    table = table->get(name)->as_table();
    if (!table) throw InputError(kCommandLine, key, "'" + name + "' is not a table");
  }
  if (begin == key.size()) throw InputError(kCommandLine, key, "a part of the key is empty");
  table->insert_or_assign(key.substr(begin), *value.get("value"));
}

}  // namespace

void merge_tables(toml::table& below, const toml::table& above) {
  for (const auto& [name, node] : above) {
    toml::table* existing = below[name].as_table();
    if (existing && node.is_table()) {
      merge_tables(*existing, *node.as_table());
    } else {
      below.insert_or_assign(name, node);
    }
  }
}

std::map<std::string, const toml::node*> recipe_values(const toml::table& table, const std::string& prefix) {
  std::map<std::string, const toml::node*> values;
  for (const auto& [name, node] : table) {
    const std::string key = options_detail::join_key(prefix, name.str());
    if (node.is_table()) {
      values.merge(recipe_values(*node.as_table(), key));
    } else {
      values[key] = &node;
    }
  }
  return values;
}

std::string recipe_text(toml::node_view<const toml::node> node) {
  if (node.is_string()) return **node.as_string();
  std::ostringstream out;
  if (node.node()) out << node;
  return out.str();
}

std::filesystem::path recipe_root() {
  if (const char* given = std::getenv("PALIMPSEST_RECIPES")) return given;
  // The program lies in a build folder of the source tree.
  const fs::path relative = fs::path("experiments") / "recipes";
  std::error_code ignored;
  for (fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    if (fs::is_directory(folder / relative)) return folder / relative;
  }
  return relative;
}

Recipe load_recipe(const std::string& argument, const std::string& kind, const std::vector<std::string>& overrides) {
  const fs::path named_folder = recipe_root() / kind;
  const bool is_path = looks_like_path(argument) || fs::is_regular_file(argument);
  const fs::path path = is_path ? fs::path(argument) : find_named(argument, {named_folder}, "");
  Recipe recipe = load_with_bases(path, named_folder, {});
  for (const std::string& assignment : overrides) apply_override(recipe, assignment);
  return recipe;
}

InputError at_its_line(const Recipe& recipe, const InputError& error) {
  if (error.file() != recipe.file) return error;
  std::string key = error.key();
  while (!key.empty() && !recipe.places.contains(key)) {
    const std::size_t cut = key.find_last_of(".[");
    key.erase(cut == std::string::npos ? 0 : cut);
  }
  if (key.empty()) return error;
  const RecipePlace& place = recipe.places.at(key);
  if (place.line == 0) return InputError(place.file, error.key(), error.rule());
  const std::string line = std::to_string(place.line);
  return InputError(place.file + ":" + line, error.key(), error.rule() + "\n  " + line + " | " + place.text);
}

}  // namespace palimpsest
