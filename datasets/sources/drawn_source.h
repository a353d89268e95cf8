// Sources that read nothing: each sample is drawn by its split and index.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datasets/sources/members.h"
#include "datasets/sources/source.h"

namespace palimpsest {

// What a drawn source can make.
struct DrawnRole {
  std::string name;  // of the single member of a role: members = ["picture"]
  std::string kind;  // text, image or audio
};

class DrawnSamples {
 public:
  virtual ~DrawnSamples() = default;
  virtual std::int64_t samples() const = 0;
  // Sample `index`: `meta`, and of each role the media of what it names. InputError: nothing can be drawn.
  virtual Sample draw(std::int64_t index, const std::map<std::string, RoleOptions>& roles) const = 0;
};

// Keys are SPLIT-00000123. InputError naming the role: one that names none of `offered`, several, or one of another
// kind.
std::unique_ptr<Source> drawn_source(std::unique_ptr<DrawnSamples> samples, const std::vector<DrawnRole>& offered,
                                     MemberRequest request);

// Is the text's hash in the share [from, to)? The hash is that of splits by key.
bool in_share(const std::string& text, double from, double to);

}  // namespace palimpsest
