// Options on the command line: one flag a field of an options struct, --like-this for like_this.
#pragma once

#include <CLI/CLI.hpp>

#include "base/options.h"

namespace palimpsest {

namespace options_detail {

std::string flag_name(const std::string& prefix, const char* name);

struct FlagAdder {
  CLI::App& app;
  std::string prefix;
  template <class F>
  void operator()(const char* name, F& field, const char* help) {
    const std::string flag = flag_name(prefix, name);
    if constexpr (std::same_as<F, bool>) {
      app.add_flag(flag + ",!--no-" + flag.substr(2), field, help)->capture_default_str();
    } else if constexpr (NamedEnum<F>) {
      app.add_option_function<std::string>(
             flag, [&field, flag](const std::string& text) { field = parse_enum<F>(text, "command line", flag); }, help)
          ->default_str(enum_name(field));
    } else if constexpr (OptionsStruct<F>) {
      FlagAdder nested{app, prefix + name + std::string("-")};
      F::visit(field, nested);
    } else if constexpr (is_vector<F>) {
      add_list(flag, field, help);
    } else if constexpr (!is_map<F>) {
      app.add_option(flag, field, help)->capture_default_str();
    }
  }
  // Lists of tables have no flag.
  template <class Item>
  void add_list(const std::string& flag, std::vector<Item>& field, const char* help) {
    if constexpr (NamedEnum<Item>) {
      const auto parse = [&field, flag](const std::vector<std::string>& texts) {
        field.clear();
        for (const std::string& text : texts) field.push_back(parse_enum<Item>(text, "command line", flag));
      };
      app.add_option_function<std::vector<std::string>>(flag, parse, help);
    } else if constexpr (!OptionsStruct<Item>) {
      app.add_option(flag, field, help)->capture_default_str();
    }
  }
};

}  // namespace options_detail

// Adds a flag for each scalar field (nested structs as --table-field); `options` must outlive the parse.
template <OptionsStruct T>
void add_options(CLI::App& app, T& options, const std::string& prefix = "") {
  options_detail::FlagAdder adder{app, prefix};
  T::visit(options, adder);
}

}  // namespace palimpsest
