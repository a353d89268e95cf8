// The catalogue names every value of every enum that the sampler's options have, and each key that it names is one.
#include "pipelines/sampling/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pipelines/sampling/options.h"

namespace palimpsest {
namespace {

template <class Enum>
void expect_listed(const std::string& group) {
  std::set<std::string> listed;
  for (const CatalogueEntry& entry : sampler_catalogue()) {
    if (entry.group != group) continue;
    EXPECT_TRUE(listed.insert(entry.name).second) << entry.name << " twice";
  }
  const auto names = enum_choices<Enum>();
  EXPECT_EQ(listed, std::set<std::string>(names.begin(), names.end())) << group;
}

TEST(SamplerCatalogue, HoldsEveryPolicyOnce) {
  expect_listed<UnmaskKind>("unmask");
  expect_listed<RemaskKind>("remask");
  expect_listed<TimeGridKind>("grid");
  expect_listed<JointKind>("joint");
  expect_listed<GuidanceSchedule>("guidance_schedule");
  expect_listed<GuidanceConvention>("guidance_convention");
}

TEST(SamplerCatalogue, NamesKeysOfTheRecipe) {
  const auto names = option_names<SamplerOptions>(), own = option_names<RoleSamplerOptions>();
  for (const CatalogueEntry& entry : sampler_catalogue()) {
    const std::string prefix = "roles.NAME.";
    const bool of_role = entry.group.starts_with(prefix);
    const std::string key = of_role ? entry.group.substr(prefix.size()) : entry.group;
    const auto& keys = of_role ? own : names;
    EXPECT_TRUE(std::find(keys.begin(), keys.end(), key) != keys.end()) << entry.group;
    EXPECT_FALSE(entry.line.empty()) << entry.group;
  }
}

}  // namespace
}  // namespace palimpsest
