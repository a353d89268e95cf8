#include "datasets/sources/source_files.h"

#include <glob.h>

#include <charconv>

#include "base/errors.h"
#include "base/recipe.h"
#include "base/zero_padded.h"
#include "datasets/sources/data_options.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostFiles = 1'000'000;

// The place of the brace that closes the one at `open`, or npos.
std::size_t closing_brace(const std::string& text, std::size_t open) {
  int depth = 0;
  for (std::size_t at = open; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return std::string::npos;
}

// Parts between commas that stand in no inner brace.
std::vector<std::string> split_choices(const std::string& inner) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char character : inner) {
    depth += character == '{' ? 1 : character == '}' ? -1 : 0;
    if (character == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += character;
    }
  }
  return parts;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// "000..012": the numbers between, as wide as the wider end when one of them begins with 0.
std::vector<std::string> spell_range(const std::string& inner) {
  const std::size_t dots = inner.find("..");
  if (dots == std::string::npos) return {};
  const std::string first = inner.substr(0, dots), last = inner.substr(dots + 2);
  const auto from = whole_number(first), to = whole_number(last);
  if (!from || !to || std::abs(*to - *from) >= kMostFiles) return {};
  const bool padded = (first.size() > 1 && first[0] == '0') || (last.size() > 1 && last[0] == '0');
  const std::size_t width = padded ? std::max(first.size(), last.size()) : 0;
  std::vector<std::string> numbers;
  const std::int64_t step = *from <= *to ? 1 : -1;
  for (std::int64_t number = *from; number != *to + step; number += step) numbers.push_back(zero_padded(number, width));
  return numbers;
}

std::vector<std::string> choices_of(const std::string& inner) {
  auto choices = split_choices(inner);
  if (choices.size() > 1) return choices;
  return spell_range(inner);
}

std::vector<fs::path> match_wildcards(const std::string& pattern) {
  glob_t found{};
  std::vector<fs::path> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (std::size_t index = 0; index < found.gl_pathc; ++index) paths.emplace_back(found.gl_pathv[index]);
  }
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<fs::path> find_one(const std::string& name, const std::string& key) {
  if (name.find_first_of("*?[") == std::string::npos || fs::exists(name)) return {find_data(name, key)};
  auto paths = match_wildcards(name);
  if (paths.empty() && fs::path(name).is_relative()) {
    paths = match_wildcards((recipe_root().parent_path().parent_path() / name).string());
  }
  if (paths.empty()) throw InputError(name, key, "no file is named so");
  return paths;
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    const std::size_t close = closing_brace(pattern, open);
    if (close == std::string::npos) continue;
    const auto choices = choices_of(pattern.substr(open + 1, close - open - 1));
    if (choices.empty()) continue;
    std::vector<std::string> names;
    for (const std::string& choice : choices) {
      const auto spelled = expand_braces(pattern.substr(0, open) + choice + pattern.substr(close + 1));
      names.insert(names.end(), spelled.begin(), spelled.end());
    }
    return names;
  }
  return {pattern};
}

std::vector<fs::path> find_data_files(const std::string& source, const std::string& key) {
  if (fs::exists(source)) return {source};
  std::vector<fs::path> files;
  for (const std::string& name : expand_braces(source)) {
    const auto found = find_one(name, key);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

bool is_pattern(const std::string& name) { return name.find_first_of("{*?[") != std::string::npos; }

}  // namespace palimpsest
