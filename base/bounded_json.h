// JSON of others: parsed within bounds, which hold before the memory is taken.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace palimpsest {

struct JsonLimits {
  std::int64_t bytes = std::numeric_limits<std::int64_t>::max();   // of the document
  std::int64_t levels = 1000;                                      // of values in each other
  std::int64_t values = std::numeric_limits<std::int64_t>::max();  // in all
};

// The document's value. InputError naming `name`: no JSON (with the byte), a key that an object has twice, more than a
// limit allows.
nlohmann::json parse_json(std::string_view text, const std::string& name, const JsonLimits& limits = {});

// About how many bytes of memory the value takes.
std::size_t memory_of(const nlohmann::json& value);

}  // namespace palimpsest
