#include "experiments/training/agreement.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"
#include "datasets/sources/data_options.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/recipe_changes.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr int kWrongInput = 2;

// Hashes of the manifests of every data set that a table names, by the name it gives.
void add_manifests(const toml::table& table, nlohmann::json& hashes) {
  for (const auto& [key, node] : table) {
    if (const toml::table* inner = node.as_table()) add_manifests(*inner, hashes);
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& entry : *list) {
        if (const toml::table* inner = entry.as_table()) add_manifests(*inner, hashes);
      }
    }
    const auto directory = node.value<std::string>();
    if (key.str() != "directory" || !directory || directory->empty()) continue;
    const fs::path manifest = find_data(*directory, "data.directory") / "manifest.json";
    hashes[*directory] = fs::exists(manifest) ? hash64_hex(read_file(manifest)) : "none";
  }
}

nlohmann::json standing(const toml::table& recipe, const std::string& compute, const fs::path& run) {
  nlohmann::json data = nlohmann::json::object();
  if (const toml::table* table = recipe["data"].as_table()) add_manifests(*table, data);
  const auto checkpoint = newest_checkpoint(run);
  return {{"program", hash64_hex(read_file("/proc/self/exe"))},
          {"number type", compute},
          {"recipe", to_text(recipe)},
          {"data", data},
          {"checkpoint", checkpoint
                             ? checkpoint->filename().string() + " " + hash64_hex(read_file(*checkpoint / "state.json"))
                             : "none"}};
}

std::string recipe_difference(const nlohmann::json& first, const nlohmann::json& other) {
  const auto parse = [](const nlohmann::json& text) { return toml::parse(text.get<std::string>()); };
  std::string list;
  for (const std::string& difference : recipe_differences(parse(first), parse(other))) {
    list += (list.empty() ? "" : "; ") + difference;
  }
  return list;
}

}  // namespace

void check_agreement(Peers& peers, const toml::table& recipe, const std::string& compute, const fs::path& run) {
  if (peers.alone()) return;
  const std::vector<std::string> all = peers.gather(standing(recipe, compute, run).dump());
  const nlohmann::json first = nlohmann::json::parse(all.front());
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const nlohmann::json other = nlohmann::json::parse(all[rank]);
    for (const auto& [name, value] : first.items()) {
      if (other.at(name) == value) continue;
      if (!peers.first()) throw SaidElsewhere(kWrongInput);
      const std::string what = name == "recipe" ? recipe_difference(value, other.at(name)) + " (there: rank 0)"
                                                : value.dump() + " in rank 0, " + other.at(name).dump() + " here";
      throw InputError("rank " + std::to_string(rank), name, "differs from rank 0's: " + what);
    }
  }
}

}  // namespace palimpsest
