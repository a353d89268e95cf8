// Members: what one sample is made of before it is decoded, as files KEY.extension, ready media or fields; and how
// they become samples.
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
  std::map<std::string, std::string> bytes = {};     // by the name that roles call it: an extension, lower case
  std::map<std::string, Media> media = {};           // what needs no decoding, by name
  nlohmann::json fields = nlohmann::json::object();  // of the table's row, of the line
  std::string error = {};                            // what is wrong with the group as such
};

// What a source of files is asked for.
struct MemberRequest {
  std::map<std::string, RoleOptions> roles;             // those with members
  std::function<bool(const std::string& key)> accepts;  // asked once a sample, in order; empty: all
  std::string split{};                                  // for sources that are drawn and have no files

  bool wants_key(const std::string& key) const { return !accepts || accepts(key); }
  std::set<std::string> extensions() const;  // that any role reads, and json
};

// Gives the members of one sample after the other, of those that its request wants.
class MemberReader {
 public:
  virtual ~MemberReader() = default;
  virtual std::optional<Members> next() = 0;  // nullopt at the end
};

// The samples of what the reader gives.
std::unique_ptr<Source> member_source(std::unique_ptr<MemberReader> reader, std::map<std::string, RoleOptions> roles);

// One sample, or one a text where a role takes each, whose step decodes the members into the roles; the fields of the
// json member (over the others) become the meta, with what had to be done to fit a picture under "fitted". Never throws
// for bad content: that is the result's error.
std::vector<ReadResult> make_samples(Members members, std::shared_ptr<const std::map<std::string, RoleOptions>> roles);

// The field at "name" or, where there is none, at "outer.inner"; null when there is neither.
const nlohmann::json* find_field(const nlohmann::json& fields, const std::string& name);

// Is the name a relative path of plain UTF-8 that stays where it is put?
bool is_safe_name(std::string_view name);

// The name with '?' for every byte that is not printable ASCII: the key of a sample whose name is not safe.
std::string printable_name(std::string_view name);

}  // namespace palimpsest
