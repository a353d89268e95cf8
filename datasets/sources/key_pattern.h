// KeyPattern: a regular expression (PCRE2, Unicode) of a recipe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace palimpsest {

class KeyPattern {
 public:
  // InputError naming `key` when it does not compile, with the place.
  KeyPattern(const std::string& expression, const std::string& key);

  // What the first group catches, or the whole match where the expression has no group; nullopt without a match.
  std::optional<std::string> caught(std::string_view utf8) const;
  std::int64_t matches(std::string_view utf8) const;  // that do not overlap

 private:
  std::shared_ptr<const void> code_;
};

// The group that a key belongs to: what the expression catches, the whole key where it does not match.
std::string group_of(const std::string& key, const std::optional<KeyPattern>& pattern);

}  // namespace palimpsest
