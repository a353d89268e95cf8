// Source: a stream of samples, each a key and a media value a role.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "modalities/media/media.h"

namespace palimpsest {

struct Sample {
  std::string key;                     // unique within the source
  std::map<std::string, Media> roles;  // caption, picture, speech, ...
  nlohmann::json meta;                 // what the source knows besides (style, license, ...)
};

// What came of reading one sample: the sample, or the error that made it unreadable (with its key).
struct ReadResult {
  Sample sample;
  std::string error;  // empty when fine
};

class Source {
 public:
  virtual ~Source() = default;
  // The next sample in the source's fixed order, or nullopt at the end.
  virtual std::optional<ReadResult> next() = 0;
};

}  // namespace palimpsest
