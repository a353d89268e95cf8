#include "datasets/scenes/scene.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace palimpsest {

namespace {

auto reading_order(const Thing& thing) { return std::tuple(thing.row, thing.column, thing.inside); }

bool same_cell(const Thing& a, const Thing& b) { return a.row == b.row && a.column == b.column; }

Thing thing_from_json(const nlohmann::json& json, const std::string& name) {
  const auto text = [&json](const char* field) { return json.at(field).get<std::string>(); };
  Thing thing;
  thing.shape = parse_enum<Shape>(text("shape"), name, "shape");
  thing.colour = parse_enum<Colour>(text("colour"), name, "colour");
  thing.size = parse_enum<Size>(text("size"), name, "size");
  thing.row = json.at("row");
  thing.column = json.at("column");
  thing.inside = json.value("inside", false);
  return thing;
}

}  // namespace

bool contains(const Attributes& attributes, Attribute attribute) {
  return std::find(attributes.begin(), attributes.end(), attribute) != attributes.end();
}

void sort_things(Scene& scene) {
  std::sort(scene.things.begin(), scene.things.end(),
            [](const Thing& a, const Thing& b) { return reading_order(a) < reading_order(b); });
}

bool holds(Relation relation, const Thing& subject, const Thing& object) {
  if (same_cell(subject, object)) return relation == Relation::kInside && subject.inside && !object.inside;
  switch (relation) {
    case Relation::kLeftOf:
      return subject.column < object.column;
    case Relation::kAbove:
      return subject.row < object.row;
    case Relation::kInside:
      return false;
    case Relation::kNextTo:
      return std::abs(subject.row - object.row) + std::abs(subject.column - object.column) == 1;
  }
  return false;
}

std::string name_of(const Thing& thing, const Attributes& told) {
  std::string name;
  if (contains(told, Attribute::kSize)) name += enum_name(thing.size) + " ";
  if (contains(told, Attribute::kColour)) name += enum_name(thing.colour) + " ";
  return name + (contains(told, Attribute::kShape) ? enum_name(thing.shape) : "thing");
}

std::string canonical(const Scene& scene) {
  std::string text = std::to_string(scene.grid);
  for (const Thing& thing : scene.things) {
    text += "; " + name_of(thing, {Attribute::kShape, Attribute::kColour, Attribute::kSize}) + " " +
            std::to_string(thing.row) + " " + std::to_string(thing.column) + (thing.inside ? " inside" : "");
  }
  return text;
}

std::int64_t mark_of(const Scene& scene, std::int64_t facts) {
  std::vector<std::int64_t> values{static_cast<std::int64_t>(scene.things.size())};
  for (const Thing& thing : scene.things) {
    for (const auto value : {static_cast<std::int64_t>(thing.colour), static_cast<std::int64_t>(thing.shape),
                             static_cast<std::int64_t>(thing.size)}) {
      values.push_back(value);
    }
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < values.size() && i < static_cast<std::size_t>(facts); ++i) sum += values[i];
  return sum % kMarks;
}

nlohmann::json to_json(const Scene& scene) {
  nlohmann::json things = nlohmann::json::array();
  for (const Thing& thing : scene.things) {
    nlohmann::json json = {{"shape", enum_name(thing.shape)},
                           {"colour", enum_name(thing.colour)},
                           {"size", enum_name(thing.size)},
                           {"row", thing.row},
                           {"column", thing.column}};
    if (thing.inside) json["inside"] = true;
    things.push_back(std::move(json));
  }
  return {{"grid", scene.grid}, {"things", std::move(things)}};
}

Scene scene_from_json(const nlohmann::json& json, const std::string& name) {
  try {
    Scene scene;
    scene.grid = json.at("grid");
    for (const auto& thing : json.at("things")) scene.things.push_back(thing_from_json(thing, name));
    sort_things(scene);
    return scene;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(name, "scene", error.what());
  }
}

}  // namespace palimpsest
