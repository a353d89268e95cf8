#include "base/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace palimpsest {

namespace options_detail {

void wrong_type(std::string_view file, std::string_view key, std::string_view expected) {
  throw InputError(file, key, "must be " + std::string(expected));
}

std::string join_key(std::string_view table, std::string_view name) {
  return table.empty() ? std::string(name) : std::string(table) + "." + std::string(name);
}

std::string element_key(const std::string& key, std::size_t index, bool is_table) {
  return is_table ? key + "[" + std::to_string(index) + "]" : key;
}

}  // namespace options_detail

namespace {

// The end of the quoted text that begins there.
std::size_t end_of_quotes(const std::string& text, std::size_t begin) {
  std::size_t at = begin + 1;
  while (at < text.size() && text[at] != text[begin]) at += text[at] == '\\' && text[begin] == '"' ? 2 : 1;
  return std::min(at + 1, text.size());
}

// The same number in as few digits as tell it from all others.
std::string shortest(const std::string& number) {
  double value = 0;
  const char* end = number.data() + number.size();
  if (std::from_chars(number.data(), end, value).ptr != end) return number;
  std::array<char, 32> digits{};
  const std::string found(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
  return found.find_first_of(".e") == std::string::npos ? found + ".0" : found;
}

// toml++ writes 0.1 as 0.10000000000000001.
std::string with_shortest_numbers(const std::string& text) {
  constexpr const char* kNumber = "+-.0123456789e";
  constexpr std::size_t kManyDigits = 17;
  std::string result;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    const char before = at > 0 ? text[at - 1] : '\n';
    const bool quotes = text[at] == '"' || text[at] == '\'', starts = before == ' ' || before == '[' || before == '=';
    end = quotes ? end_of_quotes(text, at) : at + 1;
    if (starts && !quotes) end = std::max(end, std::min(text.find_first_not_of(kNumber, at), text.size()));
    const std::string part = text.substr(at, end - at);
    const bool long_number = !quotes && part.size() > kManyDigits && part.find('.') != std::string::npos;
    result += long_number ? shortest(part) : part;
  }
  return result;
}

}  // namespace

std::string to_text(const toml::table& table) {
  std::ostringstream out;
  out << toml::toml_formatter(table,
                              toml::toml_formatter::default_flags & ~toml::format_flags::allow_multi_line_strings)
      << "\n";
  return with_shortest_numbers(out.str());
}

}  // namespace palimpsest
