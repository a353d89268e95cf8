#include "datasets/sources/drawn_source.h"

#include <algorithm>

#include "base/zero_padded.h"
#include "datasets/sources/split_source.h"

namespace palimpsest {

namespace {

std::string drawn_key(const std::string& split, std::int64_t index) { return split + "-" + zero_padded(index, 8); }

void check_role(const std::string& name, const RoleOptions& role, const std::vector<DrawnRole>& offered) {
  std::vector<std::string> names;
  for (const DrawnRole& drawn : offered) names.push_back(drawn.name);
  const std::string key = "data.roles." + name + ".members";
  if (role.members.size() != 1) throw InputError("", key, "must name one thing" + suggest("", names));
  const auto found = std::find_if(offered.begin(), offered.end(),
                                  [&](const DrawnRole& drawn) { return drawn.name == role.members[0]; });
  if (found == offered.end())
    throw InputError("", key, "nothing is called '" + role.members[0] + "'" + suggest(role.members[0], names));
  if (found->kind != role.kind)
    throw InputError("", "data.roles." + name + ".kind", found->name + " is " + found->kind + ", not " + role.kind);
}

class DrawnSource : public Source {
 public:
  DrawnSource(std::unique_ptr<DrawnSamples> samples, MemberRequest request)
      : samples_(std::move(samples)), request_(std::move(request)) {}

  std::optional<ReadResult> next() override {
    while (index_ < samples_->samples()) {
      const std::int64_t index = index_++;
      const std::string key = drawn_key(request_.split, index);
      if (!request_.wants_key(key)) continue;
      ReadResult result{samples_->draw(index, request_.roles), ""};
      result.sample.key = key;
      return result;
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<DrawnSamples> samples_;
  MemberRequest request_;
  std::int64_t index_ = 0;
};

}  // namespace

std::unique_ptr<Source> drawn_source(std::unique_ptr<DrawnSamples> samples, const std::vector<DrawnRole>& offered,
                                     MemberRequest request) {
  if (!request.group_field.empty())
    throw InputError("", "data.group_field",
                     "is for sources that read files; a drawn one says itself what is held out");
  for (const auto& [name, role] : request.roles) check_role(name, role, offered);
  return std::make_unique<DrawnSource>(std::move(samples), std::move(request));
}

bool in_share(const std::string& text, double from, double to) {
  SplitOptions share;
  share.from = from;
  share.to = to;
  return Split(share).holds(text);
}

}  // namespace palimpsest
