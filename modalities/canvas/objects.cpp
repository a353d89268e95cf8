#include "modalities/canvas/objects.h"

#include <algorithm>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr double kLeastCover = 0.5;  // of a cell, to be of the box

Box read_box(const nlohmann::json& json, const std::string& name, const std::string& key) {
  const auto is_number = [](const nlohmann::json& edge) { return edge.is_number(); };
  if (!json.is_array() || json.size() != 4 || !std::all_of(json.begin(), json.end(), is_number)) {
    throw InputError(name, key, "a box must be a list of four numbers: top, left, bottom, right");
  }
  const Box box{json[0], json[1], json[2], json[3]};
  if (!(0 <= box.top && box.top < box.bottom && box.bottom <= 1 && 0 <= box.left && box.left < box.right &&
        box.right <= 1)) {
    throw InputError(name, key, "a box must have an area within 0 and 1, got " + json.dump());
  }
  return box;
}

// Share of [begin, end) that lies in [from, to).
double covered(double begin, double end, double from, double to) {
  return std::max(0.0, std::min(end, to) - std::max(begin, from)) / (end - begin);
}

struct GridSize {
  std::int64_t rows = 1, columns = 1;
};

// A position's cell of its depth's grid.
Box cell_at(const std::int32_t* coordinate, const GridSize& grid) {
  const auto height = 1.0 / static_cast<double>(grid.rows), width = 1.0 / static_cast<double>(grid.columns);
  const double row = coordinate[static_cast<std::size_t>(Axis::kRow)];
  const double column = coordinate[static_cast<std::size_t>(Axis::kColumn)];
  return {row * height, column * width, (row + 1) * height, (column + 1) * width};
}

std::int64_t object_of(const Box& cell, const std::vector<Box>& boxes) {
  std::int64_t object = 0;
  double most = 0, area = 0;
  for (std::size_t b = 0; b < boxes.size(); ++b) {
    const Box& box = boxes[b];
    const double cover =
        covered(cell.top, cell.bottom, box.top, box.bottom) * covered(cell.left, cell.right, box.left, box.right);
    if (cover < kLeastCover || cover < most || (cover == most && box.area() >= area)) continue;
    most = cover;
    area = box.area();
    object = static_cast<std::int64_t>(b) + 1;
  }
  return object;
}

}  // namespace

nlohmann::json to_json(const RoleBoxes& boxes) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [role, own] : boxes) {
    json[role] = nlohmann::json::array();
    for (const Box& box : own) json[role].push_back({box.top, box.left, box.bottom, box.right});
  }
  return json;
}

RoleBoxes boxes_from_json(const nlohmann::json& json, const std::string& name) {
  if (!json.is_object()) throw InputError(name, kObjectsKey, "must be a table of boxes by role");
  RoleBoxes boxes;
  for (const auto& [role, own] : json.items()) {
    const std::string key = std::string(kObjectsKey) + "." + role;
    if (!own.is_array()) throw InputError(name, key, "must be a list of boxes");
    std::vector<Box>& of_role = boxes[role];
    for (const nlohmann::json& box : own) of_role.push_back(read_box(box, name, key));
  }
  return boxes;
}

at::Tensor objects_L(const Layout& layout, const std::vector<Box>& boxes) {
  const at::Tensor coordinates_LA = layout.coordinates_LA.contiguous();
  const std::int32_t* coordinate = coordinates_LA.const_data_ptr<std::int32_t>();
  std::map<std::int32_t, GridSize> grids;  // by depth
  for (std::int64_t l = 0; l < layout.length(); ++l) {
    const std::int32_t* at = coordinate + l * kAxes;
    GridSize& grid = grids[at[0]];
    grid.rows = std::max<std::int64_t>(grid.rows, at[static_cast<std::size_t>(Axis::kRow)] + 1);
    grid.columns = std::max<std::int64_t>(grid.columns, at[static_cast<std::size_t>(Axis::kColumn)] + 1);
  }
  at::Tensor result_L = at::empty({layout.length()}, at::kLong);
  for (std::int64_t l = 0; l < layout.length(); ++l) {
    const std::int32_t* at = coordinate + l * kAxes;
    result_L.mutable_data_ptr<std::int64_t>()[l] = object_of(cell_at(at, grids.at(at[0])), boxes);
  }
  return result_L;
}

}  // namespace palimpsest
