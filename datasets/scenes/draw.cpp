#include "datasets/scenes/draw.h"

#include <algorithm>

#include "base/shuffle.h"
#include "datasets/scenes/caption.h"

namespace palimpsest {

namespace {

constexpr std::uint64_t kMostDraws = 100'000;

template <class Enum>
std::vector<Enum> all_if_none(const std::vector<Enum>& chosen) {
  if (!chosen.empty()) return chosen;
  std::vector<Enum> all;
  for (const auto& [value, name] : enum_names(Enum{})) all.push_back(value);
  return all;
}

}  // namespace

SceneSplitOptions split_of(const SceneOptions& options, const std::string& split) {
  const auto found = options.splits.find(split);
  if (found == options.splits.end()) throw InputError("", "data.scenes.splits." + split, "is missing");
  SceneSplitOptions chosen = found->second;
  if (chosen.fewest == 0) chosen.fewest = options.fewest;
  if (chosen.most == 0) chosen.most = options.most;
  return chosen;
}

std::string SceneSample::caption(const SceneOptions& options) const {
  return write_caption(description, options.varied, key.fold("phrasing"));
}

SceneLaw::SceneLaw(const SceneOptions& options, const std::string& split, std::function<bool(const std::string&)> holds)
    : options_(options), name_(split), split_(split_of(options, split)), holds_(std::move(holds)) {
  options_.shapes = all_if_none(options.shapes);
  options_.colours = all_if_none(options.colours);
  options_.sizes = all_if_none(options.sizes);
  telling_ = {options.caption_tells, all_if_none(options.kinds), options.relations};
  for (const std::string& combination : options.held_out) held_out_.push_back(parse_combination(combination));
}

SceneSample SceneLaw::draw(std::int64_t index) const {
  const RandomKey stream = RandomKey::root(static_cast<std::uint64_t>(options_.seed))
                               .fold("scenes")
                               .fold(name_)
                               .fold(static_cast<std::uint64_t>(index));
  for (std::uint64_t attempt = 0; attempt < kMostDraws; ++attempt) {
    const RandomKey key = stream.fold(attempt);
    Scene scene = propose(key);
    if (!accepts(scene)) continue;
    Description description = describe(scene, telling_, key.fold("telling"));
    const std::int64_t mark = mark_of(scene, options_.marked);
    return {std::move(scene), std::move(description), mark, key};
  }
  throw InputError("", "data.scenes.splits." + name_, "100,000 scenes were drawn and the split may have none of them");
}

Scene SceneLaw::propose(RandomKey key) const {
  const auto kinds = static_cast<std::size_t>(split_.fewest) +
                     key.below(static_cast<std::uint64_t>(split_.most - split_.fewest + 1), 0);
  const bool nested = kinds > 1 && key.uniform(1) < options_.nested;
  const auto cells = shuffled(static_cast<std::size_t>(options_.grid * options_.grid), key.fold("cells"));
  Scene scene{options_.grid, {}};
  std::size_t taken = 0;  // cells
  for (Thing thing : propose_kinds(kinds, nested, key)) {
    const bool paired = nested && scene.things.size() < 2;  // the second kind is inside the first
    if (paired) {
      thing.inside = scene.things.size() == 1;
      thing.size = thing.inside ? Size::kSmall : Size::kLarge;
      if (thing.inside) --taken;
    }
    const RandomKey own = key.fold("alike").fold(static_cast<std::uint64_t>(scene.things.size()));
    const std::uint64_t count = paired ? 1 : 1 + own.below(static_cast<std::uint64_t>(options_.alike), 0);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto cell = static_cast<std::int64_t>(cells[taken++]);
      thing.row = cell / options_.grid;
      thing.column = cell % options_.grid;
      scene.things.push_back(thing);
    }
  }
  sort_things(scene);
  return scene;
}

// One thing of each kind; the first two of different colours when one is to lie inside the other.
std::vector<Thing> SceneLaw::propose_kinds(std::size_t kinds, bool nested, RandomKey key) const {
  auto pairs = shuffled(options_.shapes.size() * options_.colours.size(), key.fold("pairs"));
  const auto colour_of = [this](std::size_t pair) { return options_.colours[pair / options_.shapes.size()]; };
  if (nested) {
    const auto other = std::find_if(pairs.begin(), pairs.end(),
                                    [&](std::size_t pair) { return colour_of(pair) != colour_of(pairs.front()); });
    std::swap(pairs[1], *other);
  }
  std::vector<Thing> things(kinds);
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    things[kind].shape = options_.shapes[pairs[kind] % options_.shapes.size()];
    things[kind].colour = colour_of(pairs[kind]);
    things[kind].size = options_.sizes[key.fold("size").below(options_.sizes.size(), kind)];
  }
  return things;
}

bool SceneLaw::accepts(const Scene& scene) const {
  const bool some = std::any_of(held_out_.begin(), held_out_.end(),
                                [&](const Combination& combination) { return has_combination(scene, combination); });
  if (split_.held_out == Combinations::kNone && some) return false;
  if (split_.held_out == Combinations::kSome && !some) return false;
  return !holds_ || holds_(canonical(scene));
}

}  // namespace palimpsest
