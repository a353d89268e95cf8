#include "datasets/sources/role_content.h"

#include "base/errors.h"
#include "datasets/sources/several_texts.h"

namespace palimpsest {

namespace {

// The one member of the role that the sample has; "" when it has none. JSON without the role's field says other things.
std::string find_extension(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  std::string found;
  for (const std::string& extension : role.members) {
    if (!members.bytes.contains(extension) && !members.media.contains(extension)) continue;
    if (extension == kJsonMember && !role.field.empty() && !find_field(fields, role.field)) continue;
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

// A field holds a text, or a list of texts.
std::vector<std::string_view> texts_of_field(const nlohmann::json& value, const RoleOptions& role,
                                             const std::string& key) {
  const auto text_of = [&](const nlohmann::json& item) -> std::string_view {
    if (!item.is_string()) throw InputError(key, role.field, "must be a string, or a list of strings");
    return item.get_ref<const std::string&>();
  };
  if (!value.is_array()) return wordings_of(text_of(value), role);
  std::vector<std::string_view> texts;
  for (const nlohmann::json& item : value) texts.push_back(text_of(item));
  return texts;
}

// What one role makes of the sample's texts, one of which may be split.
std::vector<std::string_view> chosen_texts(std::vector<std::string_view> texts, const RoleOptions& role,
                                           const std::string& key, const std::string& name) {
  auto chosen = choose_wordings(std::move(texts), role, key, name);
  return role.split_bytes > 0 && chosen.size() == 1 ? split_text(chosen.front(), role.split_bytes) : chosen;
}

RoleContent find_content(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  const std::string extension = find_extension(members, fields, role);
  if (!role.field.empty() && (extension.empty() || extension == kJsonMember)) {
    const nlohmann::json* value = find_field(fields, role.field);
    if (!value) return {};
    const std::string name = role.field + " of " + members.key;
    return {name, chosen_texts(texts_of_field(*value, role, members.key), role, members.key, role.field)};
  }
  if (extension.empty()) return {};
  const std::string name = members.key + "." + extension;
  const auto ready = members.media.find(extension);
  if (ready != members.media.end()) return {name, {}, &ready->second};
  const std::string_view bytes = members.bytes.at(extension);
  if (role.kind != "text") return {name, {bytes}};
  return {name, chosen_texts(wordings_of(bytes, role), role, members.key, "." + extension)};
}

std::string describe_missing(const RoleOptions& role) {
  if (!role.field.empty()) return "has no field '" + role.field + "'";
  return "has no " + list_members(role.members) + (role.prefix.empty() ? "" : " with '" + role.prefix + "'");
}

}  // namespace

Media decode_as_is(const RoleContent& content, std::size_t which, MediaForm form, const MediaDecoder& decode) {
  form.rows = form.columns = 0;
  if (content.media) return form_media(*content.media, content.name, form).media;
  if (form.kind == "text") return decode_media(content.bytes.at(which), content.name, form).media;  // needs no codec
  return decode(content.bytes.at(which), content.name, form).media;
}

RoleContents find_contents(const Members& members, const nlohmann::json& fields,
                           const std::map<std::string, RoleOptions>& roles) {
  RoleContents contents;
  for (const auto& [name, role] : roles) {
    RoleContent content = find_content(members, fields, role);
    if (content.count() > 0) {
      contents.emplace(name, std::move(content));
    } else if (!role.optional) {
      throw InputError(members.key, name, describe_missing(role));
    }
  }
  return contents;
}

std::size_t count_samples(const RoleContents& contents, const std::string& key) {
  std::size_t count = 1;
  for (const auto& [name, content] : contents) {
    if (content.count() == 1) continue;
    if (count > 1 && content.count() != count) {
      throw InputError(key, name,
                       "has " + std::to_string(content.count()) + " texts, another role " + std::to_string(count));
    }
    count = content.count();
  }
  return count;
}

}  // namespace palimpsest
