#include "base/options.h"

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

std::string to_text(const toml::table& table) {
  std::ostringstream out;
  out << table << "\n";
  return out.str();
}

}  // namespace palimpsest
