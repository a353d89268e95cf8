// Source: a stream of samples, each a key and a media value a role.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modalities/media/media.h"

namespace palimpsest {

struct Sample {
  std::string key;                     // unique within the source
  std::map<std::string, Media> roles;  // caption, picture, speech, ...
  nlohmann::json meta;                 // what the source knows besides (style, license, ...)
};

// Why a sample is left out that could be read.
struct Refusal {
  std::string rule;
  double value = 0;  // what the rule measured
};

// What came of reading one sample: the sample, or the error that made it unreadable (with its key). The stream itself
// only cuts bytes apart; the costly rest (decoding, fitting, variants, speech) are the result's `steps`, which any
// thread may do, as long as the source is there.
struct ReadResult {
  Sample sample;
  std::string error;                               // empty when fine
  std::optional<Refusal> refusal = {};             // of a rule that a step applied
  std::string origin = {};                         // key of the sample that this one varies; empty: itself
  std::map<std::string, std::string> traits = {};  // what steps noted of the media as they were read, by rule
  std::set<std::string> judged = {};               // roles that were looked at as they were read
  std::shared_ptr<const std::map<std::string, std::string>> raw = {};  // members of one that failed, by extension
  std::function<void(ReadResult&)> look = {};  // asked at media as their files have them, before they are fitted
  std::size_t bytes = 0;                       // that wait to be decoded
  std::vector<std::function<void(ReadResult&)>> steps = {};

  bool fine() const { return error.empty() && !refusal; }
};

// Does the steps that are left, up to one that finds the sample bad.
void finish(ReadResult& result);

class Source {
 public:
  virtual ~Source() = default;
  // The next sample in the source's fixed order, to be finished, or nullopt at the end.
  virtual std::optional<ReadResult> next() = 0;
};

}  // namespace palimpsest
