#include "datasets/scenes/options.h"

#include <algorithm>
#include <sstream>

namespace palimpsest {

namespace {

constexpr std::int64_t kMostCells = 6, kMostAlike = 9, kMostSamples = 1'000'000'000;

void need_range(std::int64_t value, std::int64_t least, std::int64_t most, const char* key) {
  if (value < least || value > most) {
    throw InputError("", key, "must lie in " + std::to_string(least) + ".." + std::to_string(most));
  }
}

template <class Enum>
void need_different(const std::vector<Enum>& values, const char* key) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::count(values.begin(), values.end(), values[i]) > 1)
      throw InputError("", key, "names '" + enum_name(values[i]) + "' twice");
  }
}

template <class Enum>
std::int64_t number_of(const std::vector<Enum>& values) {
  return static_cast<std::int64_t>(values.empty() ? enum_choices<Enum>().size() : values.size());
}

}  // namespace

void SceneSplitOptions::validate() const {
  need_range(samples, 1, kMostSamples, "samples");
  if (!(0.0 <= from && from < to && to <= 1.0)) throw InputError("", "from", "0 <= from < to <= 1 is needed");
  need_range(fewest, 0, kMostCells * kMostCells, "fewest");
  need_range(most, 0, kMostCells * kMostCells, "most");
}

void SceneOptions::validate() const {
  need_range(grid, 1, kMostCells, "grid");
  need_range(alike, 1, kMostAlike, "alike");
  need_range(relations, 0, 100, "relations");
  need_range(marked, 1, 1 + 3 * grid * grid, "marked");
  if (!(nested >= 0.0 && nested <= 1.0)) throw InputError("", "nested", "must lie in 0..1");
  if (!(jitter >= 0.0 && jitter <= 1.0)) throw InputError("", "jitter", "must lie in 0..1");
  need_different(shapes, "shapes");
  need_different(colours, "colours");
  need_different(sizes, "sizes");
  need_different(kinds, "kinds");
  if (nested > 0.0 && (number_of(sizes) < kNumSizes || number_of(colours) < 2))
    throw InputError("", "nested", "needs both sizes and two colours");
  for (const std::string& combination : held_out) parse_combination(combination);
  const auto check_kinds = [this](const std::string& where, std::int64_t least, std::int64_t greatest) {
    if (least < 1 || greatest < least) throw InputError("", where + "fewest", "1 <= fewest <= most is needed");
    if (greatest > number_of(shapes) * number_of(colours))
      throw InputError("", where + "most", "is more than there are pairs of shape and colour");
    if (greatest * alike > grid * grid)
      throw InputError("", where + "most", "times alike is more than the grid has cells");
  };
  check_kinds("", fewest, most);
  for (const auto& [name, split] : splits) {
    if (split.held_out == Combinations::kSome && held_out.empty())
      throw InputError("", "splits." + name + ".held_out", "is some, but held_out names no combination");
    check_kinds("splits." + name + ".", split.fewest ? split.fewest : fewest, split.most ? split.most : most);
  }
}

Combination parse_combination(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  const std::string rule =
      "is neither a colour and a shape ('red circle') nor two shapes and a relation ('circle left of square')";
  if (words.size() < 2) throw InputError("", "held_out", "'" + text + "' " + rule);
  Combination combination;
  if (words.size() == 2) {
    combination.colour = parse_enum<Colour>(words[0], "", "held_out");
    combination.shape = parse_enum<Shape>(words[1], "", "held_out");
    return combination;
  }
  combination.relates = true;
  combination.shape = parse_enum<Shape>(words.front(), "", "held_out");
  combination.object = parse_enum<Shape>(words.back(), "", "held_out");
  std::string relation = words[1];
  for (std::size_t i = 2; i + 1 < words.size(); ++i) relation += " " + words[i];
  combination.relation = parse_enum<Relation>(relation, "", "held_out");
  return combination;
}

bool has_combination(const Scene& scene, const Combination& combination) {
  for (const Thing& thing : scene.things) {
    if (thing.shape != combination.shape) continue;
    if (!combination.relates && thing.colour == combination.colour) return true;
    if (!combination.relates) continue;
    for (const Thing& other : scene.things) {
      if (other.shape == combination.object && holds(combination.relation, thing, other)) return true;
    }
  }
  return false;
}

}  // namespace palimpsest
