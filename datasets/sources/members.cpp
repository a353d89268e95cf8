#include "datasets/sources/members.h"

#include "modalities/media/text.h"

namespace palimpsest {

namespace {

constexpr const char* kJson = "json";

nlohmann::json parse_fields(const Members& members) {
  nlohmann::json fields = members.fields;
  const auto found = members.bytes.find(kJson);
  if (found == members.bytes.end()) return fields;
  const std::string name = members.key + "." + kJson;
  nlohmann::json parsed = nlohmann::json::parse(found->second, nullptr, false);
  if (parsed.is_discarded()) throw InputError(name, "", "is not valid JSON");
  if (!parsed.is_object()) throw InputError(name, "", "must be a JSON object");
  fields.update(parsed);
  return fields;
}

// The one member of the role that the sample has; "" when it has none. JSON without the role's field says other things.
std::string find_extension(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  std::string found;
  for (const std::string& extension : role.members) {
    if (!members.bytes.contains(extension)) continue;
    if (extension == kJson && !role.field.empty() && !fields.contains(role.field)) continue;
    if (!found.empty()) throw InputError(members.key, "", "has both ." + found + " and ." + extension);
    found = extension;
  }
  return found;
}

std::string list_members(const std::vector<std::string>& extensions) {
  std::string list;
  for (const std::string& extension : extensions) list += (list.empty() ? "." : " or .") + extension;
  return list;
}

std::optional<FormedMedia> read_field(const std::string& key, const nlohmann::json& fields, const RoleOptions& role) {
  const auto value = fields.find(role.field);
  if (value == fields.end()) return std::nullopt;
  if (!value->is_string()) throw InputError(key, role.field, "must be a string");
  return decode_media(value->get<std::string>(), role.field + " of " + key, role.form());
}

std::optional<FormedMedia> read_role(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  const std::string extension = find_extension(members, fields, role);
  const bool from_fields = !role.field.empty() && (extension.empty() || extension == kJson);
  if (from_fields) return read_field(members.key, fields, role);
  if (extension.empty()) return std::nullopt;
  return decode_media(members.bytes.at(extension), members.key + "." + extension, role.form());
}

Sample decode(const Members& members, const std::map<std::string, RoleOptions>& roles) {
  Sample sample{members.key, {}, parse_fields(members)};
  nlohmann::json fitted = nlohmann::json::object();
  for (const auto& [name, role] : roles) {
    auto formed = read_role(members, sample.meta, role);
    if (!formed && role.optional) continue;
    if (!formed) {
      const std::string what = role.field.empty() ? list_members(role.members) : "field '" + role.field + "'";
      throw InputError(members.key, name, "has no " + what);
    }
    if (!formed->change.empty()) fitted[name] = formed->change;
    sample.roles.emplace(name, std::move(formed->media));
  }
  if (!fitted.empty()) sample.meta["fitted"] = fitted;
  return sample;
}

}  // namespace

std::set<std::string> MemberRequest::extensions() const {
  std::set<std::string> wanted{kJson};
  for (const auto& [name, role] : roles) wanted.insert(role.members.begin(), role.members.end());
  return wanted;
}

ReadResult make_sample(const Members& members, const std::map<std::string, RoleOptions>& roles) {
  if (!members.error.empty()) return {{members.key, {}, {}}, members.error};
  try {
    return {decode(members, roles), ""};
  } catch (const InputError& error) {
    return {{members.key, {}, {}}, error.what()};
  }
}

std::string printable_name(std::string_view name) {
  std::string text;
  for (const char character : name) text += character >= 0x20 && character < 0x7f ? character : '?';
  return text;
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || first_invalid_utf8(name) != std::string_view::npos) return false;
  for (const char character : name) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) return false;
  }
  const std::filesystem::path path(name);
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace palimpsest
