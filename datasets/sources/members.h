// Members: the files KEY.extension of one sample, before they are decoded.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"

namespace palimpsest {

inline constexpr std::int64_t kLongestMember = 256 << 20;  // bytes; a larger one is a mistake or an attack

struct Members {
  std::string key;
  std::map<std::string, std::string> bytes;          // by extension, lower case, without the dot
  nlohmann::json fields = nlohmann::json::object();  // of the table's row
  std::string error;                                 // what is wrong with the group as such
};

// What a source of files is asked for.
struct MemberRequest {
  std::map<std::string, RoleOptions> roles;             // those with members
  std::function<bool(const std::string& key)> accepts;  // asked once a sample, in order; empty: all
  std::string split{};                                  // for sources that are drawn and have no files
  std::function<void(ReadResult&)> look = {};           // at media as their files have them, before pictures are fitted

  bool wants_key(const std::string& key) const { return !accepts || accepts(key); }
  std::set<std::string> extensions() const;  // that any role reads, and json
};

// A sample whose one step decodes the members into the roles of the request; the fields of the json member (over those
// of the table) become the meta, with what had to be done to fit a picture under "fitted".
// Never throws for bad content: that is the result's error.
ReadResult make_sample(Members members, const MemberRequest& request);

// Is the name a relative path of plain UTF-8 that stays where it is put?
bool is_safe_name(std::string_view name);

// The name with '?' for every byte that is not printable ASCII: the key of a sample whose name is not safe.
std::string printable_name(std::string_view name);

}  // namespace palimpsest
