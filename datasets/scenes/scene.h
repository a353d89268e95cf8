// Scene: coloured things on a square grid of cells, at most one thing standing in a cell and at most one inside it.
//
// A scene is the whole truth of a sample: its caption, picture and tones tell it, and are read back to it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/options.h"

namespace palimpsest {

enum class Shape { kCircle, kSquare, kTriangle, kDiamond, kCross, kStar };
constexpr auto enum_names(Shape) {
  return std::array{std::pair{Shape::kCircle, "circle"},     std::pair{Shape::kSquare, "square"},
                    std::pair{Shape::kTriangle, "triangle"}, std::pair{Shape::kDiamond, "diamond"},
                    std::pair{Shape::kCross, "cross"},       std::pair{Shape::kStar, "star"}};
}
inline constexpr std::int64_t kNumShapes = 6;

enum class Colour { kRed, kOrange, kYellow, kGreen, kCyan, kBlue, kPurple, kBlack };
constexpr auto enum_names(Colour) {
  return std::array{std::pair{Colour::kRed, "red"},       std::pair{Colour::kOrange, "orange"},
                    std::pair{Colour::kYellow, "yellow"}, std::pair{Colour::kGreen, "green"},
                    std::pair{Colour::kCyan, "cyan"},     std::pair{Colour::kBlue, "blue"},
                    std::pair{Colour::kPurple, "purple"}, std::pair{Colour::kBlack, "black"}};
}
inline constexpr std::int64_t kNumColours = 8;

enum class Size { kSmall, kLarge };
constexpr auto enum_names(Size) {
  return std::array{std::pair{Size::kSmall, "small"}, std::pair{Size::kLarge, "large"}};
}
inline constexpr std::int64_t kNumSizes = 2;

enum class Relation { kLeftOf, kAbove, kInside, kNextTo };
constexpr auto enum_names(Relation) {
  return std::array{std::pair{Relation::kLeftOf, "left of"}, std::pair{Relation::kAbove, "above"},
                    std::pair{Relation::kInside, "inside"}, std::pair{Relation::kNextTo, "next to"}};
}

// What of a thing is told, or compared.
enum class Attribute { kShape, kColour, kSize };
constexpr auto enum_names(Attribute) {
  return std::array{std::pair{Attribute::kShape, "shape"}, std::pair{Attribute::kColour, "colour"},
                    std::pair{Attribute::kSize, "size"}};
}
using Attributes = std::vector<Attribute>;
bool contains(const Attributes& attributes, Attribute attribute);

struct Thing {
  Shape shape = Shape::kCircle;
  Colour colour = Colour::kRed;
  Size size = Size::kSmall;
  std::int64_t row = 0, column = 0;  // of the cell, from the top left
  bool inside = false;               // it lies inside the other thing of its cell: that one is large, this one small

  auto operator<=>(const Thing&) const = default;
};

struct Scene {
  std::int64_t grid = 3;      // cells a side
  std::vector<Thing> things;  // in reading order; what is inside follows what it is inside of

  bool operator==(const Scene&) const = default;
};

// Puts the things in reading order.
void sort_things(Scene& scene);

// Whether the relation holds between two things of a scene. Left of and above compare columns and rows; next to is one
// cell away along a row or column; a thing and what is inside it have no other relation.
bool holds(Relation relation, const Thing& subject, const Thing& object);

// "small red circle": what is told of the thing.
std::string name_of(const Thing& thing, const Attributes& told);

// The same things, one line; two scenes are equal when these are. What is drawn from its hash decides a scene's split.
std::string canonical(const Scene& scene);

// A number from 0 to 7 that `facts` facts decide together: the sum of how many things there are and then, in reading
// order, the number in its enum of each thing's colour, shape and size, as many as are asked for and are there, modulo
// eight. Whichever of them changes, the mark changes.
inline constexpr std::int64_t kMarks = 8;
std::int64_t mark_of(const Scene& scene, std::int64_t facts);

nlohmann::json to_json(const Scene& scene);
// InputError naming `name` for JSON that is no scene.
Scene scene_from_json(const nlohmann::json& json, const std::string& name);

}  // namespace palimpsest
