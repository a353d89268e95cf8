#include "datasets/scenes/description.h"

#include <algorithm>
#include <map>

#include "base/shuffle.h"

namespace palimpsest {

namespace {

Mention mention_of(const Thing& thing, const Attributes& told) {
  Mention mention;
  if (contains(told, Attribute::kSize)) mention.size = thing.size;
  if (contains(told, Attribute::kColour)) mention.colour = thing.colour;
  if (contains(told, Attribute::kShape)) mention.shape = thing.shape;
  return mention;
}

std::vector<Mention> mentions_of(const Scene& scene, const Attributes& told) {
  std::map<Mention, std::int64_t> counts;
  for (const Thing& thing : scene.things) ++counts[mention_of(thing, told)];
  std::vector<Mention> mentions;
  for (const auto& [mention, count] : counts) {
    mentions.push_back(mention);
    mentions.back().count = count;
  }
  return mentions;
}

std::string spelled(const Mention& mention) {
  std::string text = std::to_string(mention.count);
  if (mention.size) text += " " + enum_name(*mention.size);
  if (mention.colour) text += " " + enum_name(*mention.colour);
  return text + " " + (mention.shape ? enum_name(*mention.shape) : "thing");
}

bool related(const Scene& scene, const Mention& subject, const Mention& object, Relation relation) {
  for (const Thing& a : scene.things) {
    for (const Thing& b : scene.things) {
      if (subject.fits(a) && object.fits(b) && holds(relation, a, b)) return true;
    }
  }
  return false;
}

// Numbers of `values` in their order.
template <class T>
std::vector<std::size_t> order_of(const std::vector<T>& values) {
  std::vector<std::size_t> order = counted(values.size());
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

}  // namespace

bool Mention::fits(const Thing& thing) const {
  return (!size || *size == thing.size) && (!colour || *colour == thing.colour) && (!shape || *shape == thing.shape);
}

Description ordered(const Description& description) {
  const std::vector<std::size_t> order = order_of(description.mentions);
  std::vector<std::size_t> place(order.size());
  Description sorted;
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
    sorted.mentions.push_back(description.mentions[order[i]]);
  }
  for (ToldRelation told : description.relations) {
    told.subject = place.at(told.subject);
    told.object = place.at(told.object);
    if (told.relation == Relation::kNextTo && told.object < told.subject) std::swap(told.subject, told.object);
    sorted.relations.push_back(told);
  }
  std::sort(sorted.relations.begin(), sorted.relations.end());
  sorted.relations.erase(std::unique(sorted.relations.begin(), sorted.relations.end()), sorted.relations.end());
  return sorted;
}

std::vector<ToldRelation> true_relations(const Scene& scene, const std::vector<Mention>& mentions,
                                         const std::vector<Relation>& kinds) {
  std::vector<ToldRelation> relations;
  for (std::size_t subject = 0; subject < mentions.size(); ++subject) {
    for (std::size_t object = 0; object < mentions.size(); ++object) {
      if (subject == object || mentions[subject].count != 1 || mentions[object].count != 1) continue;
      for (const Relation relation : kinds) {
        if (relation == Relation::kNextTo && object < subject) continue;
        if (related(scene, mentions[subject], mentions[object], relation))
          relations.push_back({subject, object, relation});
      }
    }
  }
  return relations;
}

Description describe(const Scene& scene, const Telling& telling, RandomKey key) {
  Description description{mentions_of(scene, telling.attributes), {}};
  const auto relations = true_relations(scene, description.mentions, telling.relations);
  const auto chosen = shuffled(relations.size(), key);
  for (std::size_t i = 0; i < chosen.size() && i < static_cast<std::size_t>(telling.told); ++i)
    description.relations.push_back(relations[chosen[i]]);
  return ordered(description);
}

bool Agreement::all() const {
  return !facts.empty() && std::all_of(facts.begin(), facts.end(), [](const Fact& fact) { return fact.holds; });
}

double Agreement::share() const {
  const auto held = std::count_if(facts.begin(), facts.end(), [](const Fact& fact) { return fact.holds; });
  return facts.empty() ? 0.0 : static_cast<double>(held) / static_cast<double>(facts.size());
}

Agreement agreement(const Description& description, const Scene& scene) {
  Agreement result;
  std::int64_t mentioned = 0;
  for (const Mention& mention : description.mentions) {
    const auto count = std::count_if(scene.things.begin(), scene.things.end(),
                                     [&](const Thing& thing) { return mention.fits(thing); });
    result.facts.push_back({spelled(mention), count == mention.count});
    mentioned += mention.count;
  }
  for (const ToldRelation& told : description.relations) {
    const Mention &subject = description.mentions.at(told.subject), &object = description.mentions.at(told.object);
    result.facts.push_back({spelled(subject) + " " + enum_name(told.relation) + " " + spelled(object),
                            related(scene, subject, object, told.relation)});
  }
  result.facts.push_back({"nothing else", mentioned == static_cast<std::int64_t>(scene.things.size())});
  return result;
}

Agreement agreement(const Scene& truth, const Scene& scene, const Attributes& attributes) {
  Agreement result;
  for (const Thing& thing : truth.things) {
    const bool there = std::any_of(scene.things.begin(), scene.things.end(), [&](const Thing& other) {
      return other.row == thing.row && other.column == thing.column && other.inside == thing.inside &&
             mention_of(other, attributes) == mention_of(thing, attributes);
    });
    result.facts.push_back({name_of(thing, attributes), there});
  }
  result.facts.push_back({"nothing else", scene.things.size() == truth.things.size()});
  return result;
}

}  // namespace palimpsest
