// Facts: what a command found out, as one JSON value, and the same laid out for people.
#pragma once

#include <toml++/toml.h>

#include <nlohmann/json.hpp>
#include <string>

namespace palimpsest {

using Facts = nlohmann::ordered_json;  // keys in snake_case, in the order they are told

// Single values first, names and values in two columns; then each inner object, indented under its name; a list of
// objects is a table. null is "-", an empty list or object "none".
std::string format_facts(const Facts& facts);

// A TOML table as facts.
Facts to_facts(const toml::table& table);

// On stdout, either way.
void print_facts(const Facts& facts, bool json);

}  // namespace palimpsest
