// Members: what one sample is made of before it is decoded, as files KEY.extension, ready media or fields; and how
// they become samples.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "datasets/sources/archive.h"
#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"
#include "modalities/media/apart.h"

namespace palimpsest {

inline constexpr std::int64_t kLongestMember = 256 << 20;  // bytes of all of a sample; more is a mistake or an attack
inline constexpr std::size_t kLongestKey = 4096;           // bytes

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
  LimitOptions limits{};
  Decoding decoding{};
  ArchiveOpener archives = open_archive;
  std::string group_field{};  // when not empty, `accepts_group` is asked in the place of `accepts`
  std::function<bool(const std::string& key, const std::string& group)> accepts_group{};

  bool wants_key(const std::string& key) const { return !group_field.empty() || !accepts || accepts(key); }
  // Of a member of so many bytes beside `others` that the sample has: what is wrong with reading it, "" for nothing.
  std::string too_long(const std::string& extension, std::int64_t bytes, const Members& others) const;
  std::set<std::string> extensions() const;  // that any role reads, and json
};

// Gives the members of one sample after the other, of those that its request wants.
class MemberReader {
 public:
  virtual ~MemberReader() = default;
  virtual std::optional<Members> next() = 0;  // nullopt at the end
};

// The samples of what the reader gives: of a group of members one, or one a text where a role takes each or is split,
// whose step decodes the members into the roles; the fields of the json member (over the others) become the meta, with
// what had to be done to fit a picture under "fitted". Bad content is the result's error. Of pictures that are large
// (ImageLimits) one is decoded at a time.
std::unique_ptr<Source> member_source(std::unique_ptr<MemberReader> reader, const MemberRequest& request);

// The field at "name" or, where there is none, at "outer.inner"; null when there is neither.
const nlohmann::json* find_field(const nlohmann::json& fields, const std::string& name);

// Is the name a relative path of plain UTF-8, not longer than a key may be, that stays where it is put?
bool is_safe_name(std::string_view name);

// The name with '?' for every byte that is not printable ASCII, as far as a key may reach: the key of a sample whose
// name is not safe.
std::string printable_name(std::string_view name);

}  // namespace palimpsest
