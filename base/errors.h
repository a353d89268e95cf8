// Errors a person can act on: each names the thing (file), the place in it (key) and the rule that was broken.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// What the person gave is wrong (exit code 2). what() reads "file: key: rule"; empty parts are left out.
class InputError : public std::runtime_error {
 public:
  InputError(std::string_view file, std::string_view key, std::string_view rule);
  const std::string& file() const { return file_; }
  const std::string& key() const { return key_; }
  const std::string& rule() const { return rule_; }

 private:
  std::string file_, key_, rule_;
};

// The machine failed while working: disk full, unreadable file, broken pipe (exit code 1). Same form.
class IoError : public std::runtime_error {
 public:
  IoError(std::string_view file, std::string_view key, std::string_view rule);
};

// The valid name closest to `wanted` by edit distance, or "" when none is near (more than a third of its letters
// differ).
std::string nearest_name(std::string_view wanted, const std::vector<std::string>& valid);

// "; did you mean 'x'?" when a near name exists, and otherwise "; valid: a, b, c". For the end of an InputError's rule.
std::string suggest(std::string_view wanted, const std::vector<std::string>& valid);

}  // namespace palimpsest
