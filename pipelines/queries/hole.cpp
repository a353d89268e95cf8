#include "pipelines/queries/hole.h"

#include <sstream>

#include "base/errors.h"

namespace palimpsest {

namespace {

const char* const kRule = "a hole is top,left,bottom,right (or left,right) in fractions from 0 to 1, not empty";

std::vector<double> parse_numbers(std::string_view text, const std::string& role) {
  std::vector<double> numbers;
  std::stringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, ',');) {
    std::size_t used = 0;
    double number = 0;
    try {
      number = std::stod(part, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || used != part.size()) throw InputError("", role, kRule);
    numbers.push_back(number);
  }
  return numbers;
}

bool proper(double low, double high) { return low >= 0 && high <= 1 && low < high; }

// Does the cell [index, index+1) of `count` overlap the open interval (low, high)?
bool overlaps(std::int64_t index, std::int64_t count, double low, double high) {
  const double begin = static_cast<double>(index) / static_cast<double>(count);
  const double end = static_cast<double>(index + 1) / static_cast<double>(count);
  return begin < high && end > low;
}

}  // namespace

Hole parse_hole(std::string_view text, const std::string& role) {
  const auto numbers = parse_numbers(text, role);
  Hole hole;
  if (numbers.size() == 2) {
    hole = {0, numbers[0], 1, numbers[1]};
  } else if (numbers.size() == 4) {
    hole = {numbers[0], numbers[1], numbers[2], numbers[3]};
  } else {
    throw InputError("", role, kRule);
  }
  if (!proper(hole.top, hole.bottom) || !proper(hole.left, hole.right)) throw InputError("", role, kRule);
  return hole;
}

at::Tensor known_outside(const Hole& hole, const Layout& layout, const std::string& role) {
  const std::int64_t length = layout.length();
  const at::Tensor coordinates_LA = layout.coordinates_LA.contiguous();
  const std::int32_t* at = coordinates_LA.const_data_ptr<std::int32_t>();
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> sizes;  // by depth: rows, columns
  bool flat = true;
  for (std::int64_t l = 0; l < length; ++l) {
    auto& [rows, columns] = sizes[at[l * kAxes]];
    rows = std::max<std::int64_t>(rows, at[l * kAxes + 1] + 1);
    columns = std::max<std::int64_t>(columns, at[l * kAxes + 2] + 1);
    flat = flat && at[l * kAxes + 2] == 0;
  }
  at::Tensor known_L = at::ones({length}, at::kBool);
  bool* known = known_L.mutable_data_ptr<bool>();
  for (std::int64_t l = 0; l < length; ++l) {
    const auto& [rows, columns] = sizes[at[l * kAxes]];
    const std::int64_t row = at[l * kAxes + 1], column = at[l * kAxes + 2];
    known[l] = flat ? !overlaps(row, rows, hole.left, hole.right)
                    : !(overlaps(row, rows, hole.top, hole.bottom) && overlaps(column, columns, hole.left, hole.right));
  }
  if (known_L.all().item<bool>()) throw InputError("", role, "the hole takes no id of it");
  return known_L;
}

}  // namespace palimpsest
