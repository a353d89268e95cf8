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

// A role's media as their file has them, and what errors call them.
struct ReadMedia {
  Media media;
  std::string name;
};

ReadMedia decode_as_is(std::string_view bytes, std::string name, const RoleOptions& role) {
  MediaForm form = role.form();
  form.rows = form.columns = 0;
  return {decode_media(bytes, name, form).media, std::move(name)};
}

std::optional<ReadMedia> read_field(const std::string& key, const nlohmann::json& fields, const RoleOptions& role) {
  const auto value = fields.find(role.field);
  if (value == fields.end()) return std::nullopt;
  if (!value->is_string()) throw InputError(key, role.field, "must be a string");
  return decode_as_is(value->get<std::string>(), role.field + " of " + key, role);
}

std::optional<ReadMedia> read_role(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  const std::string extension = find_extension(members, fields, role);
  const bool from_fields = !role.field.empty() && (extension.empty() || extension == kJson);
  if (from_fields) return read_field(members.key, fields, role);
  if (extension.empty()) return std::nullopt;
  return decode_as_is(members.bytes.at(extension), members.key + "." + extension, role);
}

using MediaNames = std::map<std::string, std::string>;  // what errors call the media, by role

MediaNames decode(const Members& members, const std::map<std::string, RoleOptions>& roles, Sample& sample) {
  MediaNames names;
  sample.meta = parse_fields(members);
  for (const auto& [name, role] : roles) {
    auto read = read_role(members, sample.meta, role);
    if (!read && role.optional) continue;
    if (!read) {
      const std::string what = role.field.empty() ? list_members(role.members) : "field '" + role.field + "'";
      throw InputError(members.key, name, "has no " + what);
    }
    sample.roles.emplace(name, std::move(read->media));
    names[name] = std::move(read->name);
  }
  return names;
}

void fit(const MediaNames& names, const std::map<std::string, RoleOptions>& roles, Sample& sample) {
  nlohmann::json fitted = nlohmann::json::object();
  for (const auto& [role, name] : names) {
    FormedMedia formed = fit_media(std::move(sample.roles.at(role)), name, roles.at(role).form());
    if (!formed.change.empty()) fitted[role] = formed.change;
    sample.roles.at(role) = std::move(formed.media);
  }
  if (!fitted.empty()) sample.meta["fitted"] = fitted;
}

void decode_look_fit(const Members& members, const MemberRequest& request, ReadResult& result) {
  const MediaNames names = decode(members, request.roles, result.sample);
  if (request.look) request.look(result);
  if (result.fine()) fit(names, request.roles, result.sample);
}

}  // namespace

std::set<std::string> MemberRequest::extensions() const {
  std::set<std::string> wanted{kJson};
  for (const auto& [name, role] : roles) wanted.insert(role.members.begin(), role.members.end());
  return wanted;
}

ReadResult make_sample(Members members, const MemberRequest& request) {
  ReadResult made{{members.key, {}, {}}, members.error};
  if (!made.fine()) {
    made.raw = std::move(members.bytes);
    return made;
  }
  for (const auto& [extension, bytes] : members.bytes) made.bytes += bytes.size();
  const auto kept = std::make_shared<Members>(std::move(members));  // a step must be copyable
  const auto asked = std::make_shared<MemberRequest>(request);  // the reader of one file of many may be gone by then
  made.steps.push_back([kept, asked](ReadResult& result) {
    try {
      decode_look_fit(*kept, *asked, result);
    } catch (const InputError& error) {
      result.error = error.what();
      result.raw = std::move(kept->bytes);
      result.sample = {result.sample.key, {}, {}};
    }
    kept->bytes.clear();
  });
  return made;
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
