// What a role takes of a sample's members.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/sources/members.h"

namespace palimpsest {

inline constexpr const char* kJsonMember = "json";

// What a role is made of: bytes to decode, of a text one or several wordings; or media that are ready.
struct RoleContent {
  std::string name;  // for errors
  std::vector<std::string_view> bytes;
  const Media* media = nullptr;

  std::size_t count() const { return media ? 1 : bytes.size(); }
};

using RoleContents = std::map<std::string, RoleContent>;

// The roles' contents by name; those that the sample lacks, and may, are not among them. They point into members and
// fields. InputError: a role that the sample lacks, two members for one, a field that is no text.
RoleContents find_contents(const Members& members, const nlohmann::json& fields,
                           const std::map<std::string, RoleOptions>& roles);

// How many samples the contents make. InputError: roles of several texts that differ in number.
std::size_t count_samples(const RoleContents& contents, const std::string& key);

// The content as its file has it, in the role's form but for a picture's size.
Media decode_as_is(const RoleContent& content, std::size_t which, MediaForm form, const MediaDecoder& decode);

}  // namespace palimpsest
