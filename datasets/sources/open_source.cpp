#include "datasets/sources/open_source.h"

#include "datasets/sources/several_texts.h"
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

// Drops what was read only to be spoken.
class OnlyRoles : public Source {
 public:
  OnlyRoles(std::unique_ptr<Source> samples, std::set<std::string> roles)
      : samples_(std::move(samples)), roles_(std::move(roles)) {}
  std::optional<ReadResult> next() override {
    auto result = samples_->next();
    if (result) std::erase_if(result->sample.roles, [&](const auto& role) { return !roles_.contains(role.first); });
    return result;
  }

 private:
  std::unique_ptr<Source> samples_;
  std::set<std::string> roles_;
};

}  // namespace

std::unique_ptr<Source> open_source(const DataOptions& data, const std::string& split,
                                    const std::vector<std::string>& roles, const SkippedKeys& done) {
  const SplitOptions& split_options = find_option(data.splits, split, "splits");
  std::set<std::string> wanted(roles.begin(), roles.end());
  for (const auto& [name, role] : data.roles) {
    if (roles.empty()) wanted.insert(name);
  }
  MemberRequest request;
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
  const Split keys(split_options);
  const SkippedKeys finished = finished_wordings(finished_samples(done, split_options.variation));
  request.accepts = [keys, skipped = finished](const std::string& key) mutable {
    const auto found = skipped.find(key);
    if (found != skipped.end() && found->second-- > 0) return false;
    return keys.holds(key);
  };
  auto source = split_source(form_of(data).open(data, std::move(request)), keys, finished);
  const bool varied = split_options.variation.copies > 0;
  const SkippedKeys begun = varied ? done : begun_wordings(done, finished);
  if (varied || !begun.empty()) source = varied_source(std::move(source), split_options.variation, begun);
  for (const SpokenRole& role : spoken) source = spoken_source(std::move(source), role, data.speech);
  return std::make_unique<OnlyRoles>(std::move(source), wanted);
}

}  // namespace palimpsest
