#include "base/errors.h"

#include <algorithm>
#include <numeric>

namespace palimpsest {

namespace {

std::string join_parts(std::string_view file, std::string_view key, std::string_view rule) {
  std::string text;
  for (std::string_view part : {file, key, rule}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  return text;
}

// Levenshtein's distance, one row of the table at a time.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] != to[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

InputError::InputError(std::string_view file, std::string_view key, std::string_view rule)
    : std::runtime_error(join_parts(file, key, rule)), file_(file), key_(key), rule_(rule) {}

IoError::IoError(std::string_view file, std::string_view key, std::string_view rule)
    : std::runtime_error(join_parts(file, key, rule)) {}

std::string nearest_name(std::string_view wanted, const std::vector<std::string>& valid) {
  // A single slip is near however short the name.
  std::size_t best = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  std::string nearest;
  for (const std::string& name : valid) {
    const std::size_t distance = edit_distance(wanted, name);
    if (distance < best && distance < name.size()) {
      best = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string suggest(std::string_view wanted, const std::vector<std::string>& valid) {
  if (const std::string nearest = nearest_name(wanted, valid); !nearest.empty()) {
    return "; did you mean '" + nearest + "'?";
  }
  std::string text;
  for (const std::string& name : valid) text += (text.empty() ? "; valid: " : ", ") + name;
  return text;
}

}  // namespace palimpsest
