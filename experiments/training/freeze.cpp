#include "experiments/training/freeze.h"

#include "base/errors.h"

namespace palimpsest {

namespace {

// Greedy with one way back: the last star may always take one letter more.
bool matches_whole(std::string_view name, std::string_view pattern) {
  std::size_t n = 0, p = 0, star = std::string_view::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

bool name_matches(const std::string& name, const std::string& pattern) {
  return matches_whole(name, pattern) || matches_whole(name, pattern + ".*");
}

void freeze(ParameterSet& parameters, const std::vector<std::string>& patterns, const std::string& file) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : parameters.items()) names.push_back(name);
  for (const std::string& pattern : patterns) {
    bool meant = false;
    for (const auto& [name, tensor] : parameters.items()) {
      if (!name_matches(name, pattern)) continue;
      tensor.set_requires_grad(false);
      meant = true;
    }
    if (!meant) {
      throw InputError(file, "training.freeze", "'" + pattern + "' means no parameter" + suggest(pattern, names));
    }
  }
  if (!patterns.empty() && trainable_count(parameters) == 0) {
    throw InputError(file, "training.freeze", "leaves nothing to train");
  }
}

std::int64_t trainable_count(const ParameterSet& parameters) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters.items()) count += tensor.requires_grad() ? tensor.numel() : 0;
  return count;
}

}  // namespace palimpsest
