#include "datasets/sources/members.h"

#include "datasets/sources/several_texts.h"
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
    if (!members.bytes.contains(extension) && !members.media.contains(extension)) continue;
    if (extension == kJson && !role.field.empty() && !find_field(fields, role.field)) continue;
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

// What a role is made of: bytes to decode, of a text one or several wordings; or media that are ready.
struct RoleContent {
  std::string name;  // for errors
  std::vector<std::string_view> bytes;
  const Media* media = nullptr;

  std::size_t count() const { return media ? 1 : bytes.size(); }
};

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

RoleContent find_content(const Members& members, const nlohmann::json& fields, const RoleOptions& role) {
  const std::string extension = find_extension(members, fields, role);
  if (!role.field.empty() && (extension.empty() || extension == kJson)) {
    const nlohmann::json* value = find_field(fields, role.field);
    if (!value) return {};
    const std::string name = role.field + " of " + members.key;
    return {name, choose_wordings(texts_of_field(*value, role, members.key), role, members.key, role.field)};
  }
  if (extension.empty()) return {};
  const std::string name = members.key + "." + extension;
  const auto ready = members.media.find(extension);
  if (ready != members.media.end()) return {name, {}, &ready->second};
  const std::string_view bytes = members.bytes.at(extension);
  if (role.kind != "text") return {name, {bytes}};
  return {name, choose_wordings(wordings_of(bytes, role), role, members.key, "." + extension)};
}

Media decode_as_is(const RoleContent& content, std::size_t which, const RoleOptions& role) {
  MediaForm form = role.form();
  form.rows = form.columns = 0;
  return content.media ? form_media(*content.media, content.name, form).media
                       : decode_media(content.bytes.at(which), content.name, form).media;
}

std::string describe_missing(const RoleOptions& role) {
  if (!role.field.empty()) return "has no field '" + role.field + "'";
  return "has no " + list_members(role.members) + (role.prefix.empty() ? "" : " with '" + role.prefix + "'");
}

// The roles' contents by name; those that the sample lacks, and may, are not among them.
std::map<std::string, RoleContent> find_contents(const Members& members, const nlohmann::json& fields,
                                                 const std::map<std::string, RoleOptions>& roles) {
  std::map<std::string, RoleContent> contents;
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

// How many samples the contents make.
std::size_t count_samples(const std::map<std::string, RoleContent>& contents, const std::string& key) {
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

// The members of one group and what its samples take of them.
struct MemberGroup {
  Members members;
  nlohmann::json fields;
  std::map<std::string, RoleContent> contents;
  std::shared_ptr<const std::map<std::string, RoleOptions>> roles;
};

// Decodes the roles as their files have them, has them looked at, then fits pictures.
void decode(const MemberGroup& group, std::size_t which, ReadResult& result) {
  Sample& sample = result.sample;
  const auto of = [which](const RoleContent& content) { return content.count() == 1 ? 0 : which; };
  for (const auto& [name, content] : group.contents)
    sample.roles.insert_or_assign(name, decode_as_is(content, of(content), group.roles->at(name)));
  sample.meta = group.fields;
  if (result.look) result.look(result);
  if (!result.fine()) return;
  for (const auto& [name, content] : group.contents) {
    FormedMedia formed = form_media(sample.roles.at(name), content.name, group.roles->at(name).form());
    if (!formed.change.empty()) sample.meta["fitted"][name] = formed.change;
    sample.roles.at(name) = std::move(formed.media);
  }
}

ReadResult sample_of(const std::shared_ptr<const MemberGroup>& group, std::size_t which, std::size_t count) {
  ReadResult made{{wording_key(group->members.key, which, count), {}, {}}, ""};
  for (const auto& [name, bytes] : group->members.bytes) made.bytes += bytes.size() / count;
  made.steps.push_back([group, which](ReadResult& result) {
    try {
      decode(*group, which, result);
    } catch (const InputError& error) {
      result.error = error.what();
      result.raw = group->members.bytes;
      result.sample = {result.sample.key, {}, {}};
    }
  });
  return made;
}

class MemberSource : public Source {
 public:
  MemberSource(std::unique_ptr<MemberReader> reader, std::map<std::string, RoleOptions> roles)
      : reader_(std::move(reader)),
        roles_(std::make_shared<const std::map<std::string, RoleOptions>>(std::move(roles))) {}

  std::optional<ReadResult> next() override {
    if (at_ == results_.size()) {
      auto members = reader_->next();
      if (!members) return std::nullopt;
      results_ = make_samples(std::move(*members), roles_);
      at_ = 0;
    }
    return std::move(results_[at_++]);
  }

 private:
  std::unique_ptr<MemberReader> reader_;
  std::shared_ptr<const std::map<std::string, RoleOptions>> roles_;
  std::vector<ReadResult> results_;
  std::size_t at_ = 0;
};

}  // namespace

std::set<std::string> MemberRequest::extensions() const {
  std::set<std::string> wanted{kJson};
  for (const auto& [name, role] : roles) wanted.insert(role.members.begin(), role.members.end());
  return wanted;
}

std::vector<ReadResult> make_samples(Members members, std::shared_ptr<const std::map<std::string, RoleOptions>> roles) {
  const auto group = std::make_shared<MemberGroup>(MemberGroup{std::move(members), {}, {}, std::move(roles)});
  ReadResult failed{{group->members.key, {}, {}}, group->members.error};
  std::vector<ReadResult> results;
  try {
    if (failed.fine()) {
      group->fields = parse_fields(group->members);
      group->contents = find_contents(group->members, group->fields, *group->roles);
      const std::size_t count = count_samples(group->contents, group->members.key);
      for (std::size_t which = 0; which < count; ++which) results.push_back(sample_of(group, which, count));
      return results;
    }
  } catch (const InputError& error) {
    failed.error = error.what();
  }
  failed.raw = std::move(group->members.bytes);
  results.push_back(std::move(failed));
  return results;
}

std::unique_ptr<Source> member_source(std::unique_ptr<MemberReader> reader, std::map<std::string, RoleOptions> roles) {
  return std::make_unique<MemberSource>(std::move(reader), std::move(roles));
}

const nlohmann::json* find_field(const nlohmann::json& fields, const std::string& name) {
  if (!fields.is_object()) return nullptr;
  if (const auto found = fields.find(name); found != fields.end()) return &*found;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto outer = fields.find(name.substr(0, dot));
  return outer == fields.end() ? nullptr : find_field(*outer, name.substr(dot + 1));
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
