#include "experiments/training/recipe_changes.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

// What the saved tensors, or the ids they were trained on, stand and fall with.
constexpr std::array kFixed{"kind",      "canvas.", "tokenizers.", "tokenizer.",
                            "backbone.", "scorer.", "lora.",       "training.optimizer"};

std::string text_of(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

// Dotted key -> text of its value.
std::map<std::string, std::string> leaves_of(const toml::table& table) {
  std::map<std::string, std::string> leaves;
  for (const auto& [key, node] : recipe_values(table)) leaves[key] = text_of(*node);
  return leaves;
}

bool is_fixed(const std::string& difference) {
  const std::string key = difference.substr(0, difference.find(':'));
  if (key == "backbone.checkpoint_layers") return false;  // the same gradients from other memory
  return std::any_of(kFixed.begin(), kFixed.end(), [&key](const std::string& fixed) {
    return fixed.back() == '.' ? key.starts_with(fixed) : key == fixed;
  });
}

std::string list_of_changes(const std::vector<std::string>& differences) {
  std::string list;
  for (const std::string& difference : differences) list += (list.empty() ? "" : "; ") + difference;
  return list;
}

}  // namespace

std::vector<std::string> recipe_differences(const toml::table& there, const toml::table& here) {
  const std::map<std::string, std::string> old_values = leaves_of(there), new_values = leaves_of(here);
  std::vector<std::string> differences;
  for (const auto& [key, value] : old_values) {
    const auto found = new_values.find(key);
    const std::string now = found == new_values.end() ? "absent" : found->second;
    if (now != value) differences.push_back(key + ": " + value + " there, " + now + " here");
  }
  for (const auto& [key, value] : new_values) {
    if (!old_values.count(key)) differences.push_back(key + ": absent there, " + value + " here");
  }
  return differences;
}

bool settle_changes(const fs::path& run, const toml::table& stored, const toml::table& asked, bool accepted) {
  const std::vector<std::string> differences = recipe_differences(stored, asked);
  if (differences.empty()) return false;
  const std::string file = (run / "recipe.toml").string();
  std::vector<std::string> fixed;
  std::copy_if(differences.begin(), differences.end(), std::back_inserter(fixed), is_fixed);
  if (!fixed.empty()) {
    throw InputError(file, "",
                     "a run cannot change what its net and its tokens are (" + list_of_changes(fixed) +
                         "); choose another --run, whose training.start_from may name this one");
  }
  if (!accepted) {
    throw InputError(file, "",
                     "the run was begun with another recipe (" + list_of_changes(differences) +
                         "); --accept-changes goes on with the new one, or choose another --run");
  }
  return true;
}

void replace_recipe(const fs::path& run, const toml::table& asked, std::int64_t steps_done) {
  const std::string old = read_file(run / "recipe.toml");
  write_file_atomically(run / ("recipe-until-" + std::to_string(steps_done) + ".toml"), old);
  write_file_atomically(run / "recipe.toml", to_text(asked));
}

}  // namespace palimpsest
