// Options: plain aggregates described once by a field visitor, which feeds recipes (TOML), the command line, printing
// and saving.
//
//   struct ScheduleOptions {
//     ScheduleKind kind = ScheduleKind::kLinear;
//     double floor = 1e-3;
//     template <class Self, class Visitor>
//     static void visit(Self& self, Visitor& visitor) {
//       visitor("kind", self.kind, "how the keep probability falls");
//       visitor("floor", self.floor, "smallest time, as a fraction");
//     }
//     void validate() const;   // throws InputError("", key, rule); optional
//   };
//
// Fields may be bool, std::int64_t, double, std::string, an enum with enum_names(), std::vector of those, a nested
// options struct (a table) or std::map<std::string, options struct> (tables by name, such as one per role).
#pragma once

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/errors.h"

namespace palimpsest {

// An enum is spelled out by an overload, found by argument-dependent lookup:
//   constexpr auto enum_names(ScheduleKind) { return std::array{std::pair{ScheduleKind::kLinear, "linear"}, ...}; }
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) {
  enum_names(value);
};

template <NamedEnum T>
std::string enum_name(T value) {
  for (const auto& [known, name] : enum_names(value)) {
    if (known == value) return name;
  }
  return "?";
}

template <NamedEnum T>
std::vector<std::string> enum_choices() {
  std::vector<std::string> names;
  for (const auto& [known, name] : enum_names(T{})) names.emplace_back(name);
  return names;
}

// Throws InputError(file, key, "unknown value ...; did you mean ...") for a name that the enum does not have.
template <NamedEnum T>
T parse_enum(std::string_view name, std::string_view file, std::string_view key) {
  for (const auto& [known, spelled] : enum_names(T{})) {
    if (name == spelled) return known;
  }
  throw InputError(file, key, "unknown value '" + std::string(name) + "'" + suggest(name, enum_choices<T>()));
}

namespace options_detail {
struct AnyVisitor {
  template <class T>
  void operator()(const char*, T&, const char*) {}
};
struct NameCollector {
  std::vector<std::string> names;
  template <class F>
  void operator()(const char* name, F&, const char*) {
    names.emplace_back(name);
  }
};
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;
}  // namespace options_detail

// A struct with a visit() that describes its fields.
template <class T>
concept OptionsStruct = requires(T& value, options_detail::AnyVisitor& visitor) {
  T::visit(value, visitor);
};

// Names of the fields of an options struct, in order.
template <OptionsStruct T>
std::vector<std::string> option_names() {
  options_detail::NameCollector collector;
  T value{};
  T::visit(value, collector);
  return collector.names;
}

// ---- from and to TOML -------------------------------------------------------------------------------------------

namespace options_detail {

[[noreturn]] void wrong_type(std::string_view file, std::string_view key, std::string_view expected);
std::string join_key(std::string_view table, std::string_view name);
// "key[2]" for a table in a list; values are named by their list.
std::string element_key(const std::string& key, std::size_t index, bool is_table);

template <class T>
void read_value(const toml::node& node, std::string_view file, const std::string& key, T& value);

template <OptionsStruct T>
void read_table(const toml::table& table, std::string_view file, const std::string& key, T& value);

template <class T>
void read_scalar(const toml::node& node, std::string_view file, const std::string& key, T& value) {
  if constexpr (std::same_as<T, bool>) {
    if (!node.is_boolean()) wrong_type(file, key, "true or false");
    value = **node.as_boolean();
  } else if constexpr (std::same_as<T, std::int64_t>) {
    if (!node.is_integer()) wrong_type(file, key, "a whole number");
    value = **node.as_integer();
  } else if constexpr (std::same_as<T, double>) {
    if (!node.is_number()) wrong_type(file, key, "a number");
    value = *node.value<double>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (!node.is_string()) wrong_type(file, key, "a string");
    value = **node.as_string();
  } else {
    static_assert(NamedEnum<T>,
                  "an option is a bool, int64, double, string, named enum, vector, map or options struct");
    if (!node.is_string()) wrong_type(file, key, "a string");
    value = parse_enum<T>(**node.as_string(), file, key);
  }
}

template <class T>
void read_value(const toml::node& node, std::string_view file, const std::string& key, T& value) {
  if constexpr (OptionsStruct<T>) {
    if (!node.is_table()) wrong_type(file, key, "a table");
    read_table(*node.as_table(), file, key, value);
  } else if constexpr (is_map<T>) {
    if (!node.is_table()) wrong_type(file, key, "a table");
    for (const auto& [name, child] : *node.as_table()) {
      std::string child_name(name.str());
      read_value(child, file, join_key(key, child_name), value[child_name]);
    }
  } else if constexpr (is_vector<T>) {
    if (!node.is_array()) wrong_type(file, key, "a list");
    value.clear();
    for (const auto& element : *node.as_array()) {
      typename T::value_type item{};
      read_value(element, file, element_key(key, value.size(), element.is_table()), item);
      value.push_back(std::move(item));
    }
  } else {
    read_scalar(node, file, key, value);
  }
}

template <class T>
struct TableReader {
  const toml::table& table;
  std::string_view file;
  const std::string& key;
  std::vector<std::string> known{};
  template <class F>
  void operator()(const char* name, F& field, const char*) {
    known.emplace_back(name);
    if (const toml::node* node = table.get(name)) read_value(*node, file, join_key(key, name), field);
  }
};

template <OptionsStruct T>
void read_table(const toml::table& table, std::string_view file, const std::string& key, T& value) {
  TableReader<T> reader{table, file, key};
  T::visit(value, reader);
  for (const auto& [name, child] : table) {
    if (std::find(reader.known.begin(), reader.known.end(), name.str()) == reader.known.end()) {
      throw InputError(file, join_key(key, name.str()), "unknown key" + suggest(name.str(), reader.known));
    }
  }
  if constexpr (requires { value.validate(); }) {
    try {
      value.validate();
    } catch (const InputError& error) {
      throw InputError(file, error.key().empty() ? key : join_key(key, error.key()), error.rule());
    }
  }
}

template <class T>
void insert_value(toml::table& table, const std::string& name, const T& value);

template <OptionsStruct T>
toml::table make_table(const T& value);

template <class T>
auto to_toml_scalar(const T& value) {
  if constexpr (NamedEnum<T>) {
    return enum_name(value);
  } else {
    return value;
  }
}

template <class T>
void insert_value(toml::table& table, const std::string& name, const T& value) {
  if constexpr (OptionsStruct<T>) {
    table.insert_or_assign(name, make_table(value));
  } else if constexpr (is_map<T>) {
    toml::table child;
    for (const auto& [child_name, item] : value) insert_value(child, child_name, item);
    table.insert_or_assign(name, std::move(child));
  } else if constexpr (is_vector<T>) {
    toml::array array;
    for (const auto& item : value) {
      if constexpr (OptionsStruct<typename T::value_type>) {
        array.push_back(make_table(item));
      } else {
        array.push_back(to_toml_scalar(static_cast<typename T::value_type>(item)));
      }
    }
    table.insert_or_assign(name, std::move(array));
  } else {
    table.insert_or_assign(name, to_toml_scalar(value));
  }
}

struct TableWriter {
  toml::table table{};
  template <class F>
  void operator()(const char* name, const F& field, const char*) {
    insert_value(table, name, field);
  }
};

template <OptionsStruct T>
toml::table make_table(const T& value) {
  TableWriter writer;
  T::visit(value, writer);
  return std::move(writer.table);
}

}  // namespace options_detail

// Reads a table into options: absent keys keep their defaults; an unknown key, a wrong type or a broken rule is an
// InputError that names `file` and the dotted key (`where` is the table's own key, "" for the root).
template <OptionsStruct T>
T read_options(const toml::table& table, std::string_view file, const std::string& where = "") {
  T value{};
  options_detail::read_table(table, file, where, value);
  return value;
}

// The options as a TOML table, every field written.
template <OptionsStruct T>
toml::table to_toml(const T& options) {
  return options_detail::make_table(options);
}

// Text of a TOML table, keys sorted; doubles keep all their digits.
std::string to_text(const toml::table& table);

}  // namespace palimpsest
