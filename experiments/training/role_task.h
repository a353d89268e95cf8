// A task by its roles, as recipes write it: "caption, speech -> picture".
#pragma once

#include <string>
#include <vector>

#include "modalities/canvas/schema.h"

namespace palimpsest {

struct RoleTask {
  std::vector<std::string> given, wanted;

  std::vector<std::string> roles() const;  // given, then wanted
  std::string name() const;                // "caption,speech->picture"
  std::string folder() const;              // "caption-speech-to-picture"; "picture" where nothing is given
};

// InputError (key `key`): no arrow, nothing wanted, a role twice, a role that the schema lacks.
RoleTask parse_role_task(const std::string& text, const CanvasSchema& schema, const std::string& file,
                         const std::string& key);

}  // namespace palimpsest
