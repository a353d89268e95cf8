// RoleTokens: who made a role's ids.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "modalities/canvas/layout.h"

namespace palimpsest {

struct RoleTokens {
  std::string fingerprint;  // of the tokenizer
  CodeSpace space;          // of its ids

  nlohmann::json to_json() const;
  static RoleTokens from_json(const nlohmann::json& json);
  bool operator==(const RoleTokens& other) const;
};

}  // namespace palimpsest
