#include "datasets/sources/open_source.h"

#include "datasets/sources/source_form.h"
#include "datasets/sources/spoken_source.h"
#include "datasets/sources/varied_source.h"

namespace palimpsest {

namespace {

template <class Map>
const typename Map::mapped_type& find_option(const Map& map, const std::string& name, const std::string& table) {
  const auto found = map.find(name);
  if (found != map.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, value] : map) names.push_back(known);
  throw InputError("", "data." + table, "no '" + name + "'" + suggest(name, names));
}

// Has every sample looked at as it was read.
class LookedAt : public Source {
 public:
  LookedAt(std::unique_ptr<Source> samples, std::function<void(ReadResult&)> look)
      : samples_(std::move(samples)), look_(std::move(look)) {}
  std::optional<ReadResult> next() override {
    auto result = samples_->next();
    if (result) result->look = look_;
    return result;
  }

 private:
  std::unique_ptr<Source> samples_;
  std::function<void(ReadResult&)> look_;
};

// Drops what was read only to be spoken.
class OnlyRoles : public Source {
 public:
  OnlyRoles(std::unique_ptr<Source> samples, std::set<std::string> roles)
      : samples_(std::move(samples)), roles_(std::move(roles)) {}
  std::optional<ReadResult> next() override {
    auto result = samples_->next();
    if (result) result->steps.push_back([this](ReadResult& read) { drop_others(read.sample); });
    return result;
  }

 private:
  void drop_others(Sample& sample) const {
    std::erase_if(sample.roles, [this](const auto& role) { return !roles_.contains(role.first); });
  }

  std::unique_ptr<Source> samples_;
  std::set<std::string> roles_;
};

}  // namespace

std::unique_ptr<Source> open_source(const DataOptions& data, const std::string& split,
                                    const std::vector<std::string>& roles, const Reading& reading) {
  const SplitOptions& split_options = find_option(data.splits, split, "splits");
  std::set<std::string> wanted(roles.begin(), roles.end());
  for (const auto& [name, role] : data.roles) {
    if (roles.empty()) wanted.insert(name);
  }
  MemberRequest request;
  request.split = split;
  std::vector<SpokenRole> spoken;
  for (const std::string& name : wanted) {
    const RoleOptions& role = find_option(data.roles, name, "roles");
    if (role.spoken.empty()) {
      request.roles[name] = role;
    } else {
      request.roles[role.spoken] = find_option(data.roles, role.spoken, "roles");
      spoken.push_back({role.spoken, name, role.sample_rate, split_options.voices});
    }
  }
  const auto cursor = std::make_shared<SplitCursor>(Split(split_options, data.group, reading.part));
  request.accepts = [cursor](const std::string& key) { return cursor->wants(key); };
  request.group_field = data.group_field;
  request.accepts_group = [cursor](const std::string& key, const std::string& group) {
    return cursor->wants(key, group);
  };
  request.limits = data.limits;
  request.decoding = reading.decoding;
  request.archives = reading.archives;
  auto source = split_source(form_of(data).open(data, std::move(request)), cursor);
  if (reading.look) source = std::make_unique<LookedAt>(std::move(source), reading.look);
  if (split_options.variation.copies > 0) source = varied_source(std::move(source), split_options.variation);
  for (const SpokenRole& role : spoken) source = spoken_source(std::move(source), role, data.speech);
  source = std::make_unique<OnlyRoles>(std::move(source), wanted);
  for (std::int64_t skipped = 0; skipped < reading.done && source->next(); ++skipped) {
  }
  return source;
}

}  // namespace palimpsest
