#include "datasets/sources/members.h"

#include <mutex>

#include "base/bounded_json.h"
#include "datasets/sources/role_content.h"
#include "datasets/sources/several_texts.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

nlohmann::json parse_fields(const Members& members, const LimitOptions& limits) {
  const auto found = members.bytes.find(kJsonMember);
  if (found == members.bytes.end()) return members.fields;
  const std::string name = members.key + "." + kJsonMember;
  nlohmann::json fields = parse_json(found->second, name, limits.json());
  if (!fields.is_object()) throw InputError(name, "", "must be a JSON object");
  for (const auto& [field, value] : members.fields.items())
    fields.emplace(field, value);  // of both the document's stays
  return fields;
}

// What all samples of a source share.
struct SampleRules {
  std::map<std::string, RoleOptions> roles;
  LimitOptions limits;
  MediaDecoder decode;
  mutable std::mutex one_large;  // held while a sample with a large picture is decoded and fitted
};

// The members of one group and what its samples take of them.
struct MemberGroup {
  Members members;
  std::shared_ptr<const SampleRules> rules;
  nlohmann::json fields = {};
  RoleContents contents = {};
};

void check_texts(const RoleContent& content, const LimitOptions& limits) {
  for (const std::string_view text : content.bytes) {
    if (static_cast<std::int64_t>(text.size()) > limits.text_mb << 20)
      throw InputError(content.name, "",
                       "has more than " + std::to_string(limits.text_mb) + " MB (data.limits.text_mb)");
  }
}

// Decodes the roles as their files have them, has them looked at, then fits pictures.
void decode(const MemberGroup& group, std::size_t which, ReadResult& result) {
  Sample& sample = result.sample;
  const auto& roles = group.rules->roles;
  std::unique_lock alone(group.rules->one_large, std::defer_lock);
  MediaLimits limits = group.rules->limits.media();
  limits.image.before_large = [&alone] {
    if (!alone.owns_lock()) alone.lock();
  };
  for (const auto& [name, content] : group.contents) {
    MediaForm form = roles.at(name).form();
    form.limits = limits;
    Media media = decode_as_is(content, content.count() == 1 ? 0 : which, form, group.rules->decode);
    sample.roles.insert_or_assign(name, std::move(media));
  }
  sample.meta = group.fields;
  if (result.look) result.look(result);
  if (!result.fine()) return;
  for (const auto& [name, content] : group.contents) {
    FormedMedia formed = form_media(sample.roles.at(name), content.name, roles.at(name).form());
    if (!formed.change.empty()) sample.meta["fitted"][name] = formed.change;
    sample.roles.at(name) = std::move(formed.media);
  }
}

// Of memory, while the sample waits and where it is a text also as ids.
std::size_t waiting_bytes(const MemberGroup& group, std::size_t count) {
  constexpr std::size_t kBytesAnId = 24;  // and as many ids as bytes, at most
  std::size_t bytes = group.fields.empty() ? 0 : memory_of(group.fields);
  for (const auto& [name, content] : group.members.bytes) bytes += content.size();
  for (const auto& [name, media] : group.members.media) bytes += media_bytes(media);
  for (const auto& [name, content] : group.contents) {
    if (group.rules->roles.at(name).kind != "text") continue;
    for (const std::string_view text : content.bytes) bytes += kBytesAnId * text.size();
  }
  return bytes / count;
}

ReadResult sample_of(const std::shared_ptr<const MemberGroup>& group, std::size_t which, std::size_t count) {
  ReadResult made{{wording_key(group->members.key, which, count), {}, {}}, ""};
  made.bytes = waiting_bytes(*group, count);
  made.steps.push_back([group, which](ReadResult& result) {
    try {
      decode(*group, which, result);
    } catch (const InputError& error) {
      result.error = error.what();
      result.raw = {group, &group->members.bytes};
      result.sample = {result.sample.key, {}, {}};
    }
  });
  return made;
}

// The samples of a group; of one that is bad in itself its error.
std::vector<ReadResult> samples_of(const std::shared_ptr<MemberGroup>& group) {
  std::vector<ReadResult> results;
  try {
    group->contents = find_contents(group->members, group->fields, group->rules->roles);
    for (const auto& [name, content] : group->contents) {
      if (group->rules->roles.at(name).kind == "text") check_texts(content, group->rules->limits);
    }
    const std::size_t count = count_samples(group->contents, group->members.key);
    for (std::size_t which = 0; which < count; ++which) results.push_back(sample_of(group, which, count));
  } catch (const InputError& error) {
    results.clear();
    group->members.error = error.what();
  }
  return results;
}

// A field's value as the name of a group; a sample without it is a group of its own.
std::string group_of_fields(const MemberGroup& group, const std::string& field) {
  const nlohmann::json* value = find_field(group.fields, field);
  if (!value || value->is_null()) return without_wording(group.members.key);
  return value->is_string() ? value->get<std::string>()
                            : value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class MemberSource : public Source {
 public:
  MemberSource(std::unique_ptr<MemberReader> reader, const MemberRequest& request)
      : reader_(std::move(reader)),
        rules_(std::make_shared<SampleRules>()),
        group_field_(request.group_field),
        accepts_group_(request.accepts_group) {
    rules_->roles = request.roles;
    rules_->limits = request.limits;
    rules_->decode = request.decoding.media;
  }

  std::optional<ReadResult> next() override {
    while (at_ == results_.size()) {
      auto members = reader_->next();
      if (!members) return std::nullopt;
      results_ = read_group(std::move(*members));
      at_ = 0;
    }
    return std::move(results_[at_++]);
  }

 private:
  // Nothing when the group of members is of another split.
  std::vector<ReadResult> read_group(Members members) const {
    const auto group = std::make_shared<MemberGroup>(MemberGroup{std::move(members), rules_});
    std::string& error = group->members.error;
    try {
      if (error.empty()) group->fields = parse_fields(group->members, rules_->limits);
    } catch (const InputError& wrong) {
      error = wrong.what();
    }
    if (!group_field_.empty() && !accepts_group_(group->members.key, group_of_fields(*group, group_field_))) return {};
    std::vector<ReadResult> results;
    if (error.empty()) results = samples_of(group);
    if (!error.empty()) {
      results.push_back({{group->members.key, {}, {}}, error});
      results.back().raw = {group, &group->members.bytes};
      results.back().bytes = waiting_bytes(*group, 1);
    }
    return results;
  }

  std::unique_ptr<MemberReader> reader_;
  std::shared_ptr<SampleRules> rules_;
  std::string group_field_;
  std::function<bool(const std::string&, const std::string&)> accepts_group_;
  std::vector<ReadResult> results_;
  std::size_t at_ = 0;
};

}  // namespace

std::set<std::string> MemberRequest::extensions() const {
  std::set<std::string> wanted{kJsonMember};
  for (const auto& [name, role] : roles) wanted.insert(role.members.begin(), role.members.end());
  return wanted;
}

std::string MemberRequest::too_long(const std::string& extension, std::int64_t bytes, const Members& others) const {
  std::int64_t all = bytes;
  for (const auto& [name, content] : others.bytes) all += static_cast<std::int64_t>(content.size());
  const std::string has = "." + extension + " has " + std::to_string(bytes) + " bytes, ";
  if (all > kLongestMember) return has + (all > bytes ? "with the others " : "") + "more than 256 MB";
  const bool text = std::any_of(roles.begin(), roles.end(), [&extension](const auto& role) {
    const auto& members = role.second.members;
    return role.second.kind == "text" && std::find(members.begin(), members.end(), extension) != members.end();
  });
  const std::int64_t most = extension == kJsonMember ? limits.json_mb : limits.text_mb;
  if ((text || extension == kJsonMember) && bytes > most << 20)
    return has + "more than " + std::to_string(most) + " MB";
  return "";
}

std::unique_ptr<Source> member_source(std::unique_ptr<MemberReader> reader, const MemberRequest& request) {
  return std::make_unique<MemberSource>(std::move(reader), request);
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
  for (const char character : name.substr(0, kLongestKey)) {
    text += character >= 0x20 && character < 0x7f ? character : '?';
  }
  return text;
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestKey || name.front() == '/') return false;
  if (first_invalid_utf8(name) != std::string_view::npos) return false;
  for (const char character : name) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) return false;
  }
  const std::filesystem::path path(name);
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace palimpsest
