// Objects: boxes of the things that a picture shows, and which positions of its layout are of which thing.
//
// Shapes: L positions of a layout.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "modalities/canvas/layout.h"

namespace palimpsest {

// In fractions of the picture's height and width, from the top left.
struct Box {
  double top = 0, left = 0, bottom = 0, right = 0;

  double area() const { return (bottom - top) * (right - left); }
  bool operator==(const Box&) const = default;
};

// Boxes by role, as the meta of a sample holds them under kObjectsKey: {"picture": [[top, left, bottom, right], ...]}.
// A role that is not named shows no things.
using RoleBoxes = std::map<std::string, std::vector<Box>>;
inline constexpr const char* kObjectsKey = "object_boxes";
nlohmann::json to_json(const RoleBoxes& boxes);
// InputError naming `name`: what is no such table, and boxes without area or not within 0 and 1.
RoleBoxes boxes_from_json(const nlohmann::json& json, const std::string& name);

// int64 [L]: which box each position is of, from 1, and 0 for none. A position stands for a cell of its depth's grid of
// rows and columns; it is of the box that covers most of the cell, of equals the smaller one, and of none where less
// than half of it is covered.
at::Tensor objects_L(const Layout& layout, const std::vector<Box>& boxes);

}  // namespace palimpsest
