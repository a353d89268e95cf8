// The catalogue names every value of every enum that the sampler's options have, and each key that it names is one.
#include "pipelines/sampling/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "pipelines/sampling/options.h"
#include "tests/support/catalogue.h"

namespace palimpsest {
namespace {

TEST(SamplerCatalogue, HoldsEveryPolicyOnce) {
  expect_listed<UnmaskKind>(sampler_catalogue(), "unmask");
  expect_listed<RemaskKind>(sampler_catalogue(), "remask");
  expect_listed<TimeGridKind>(sampler_catalogue(), "grid");
  expect_listed<JointKind>(sampler_catalogue(), "joint");
  expect_listed<GuidanceSchedule>(sampler_catalogue(), "guidance_schedule");
  expect_listed<GuidanceConvention>(sampler_catalogue(), "guidance_convention");
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

TEST(SamplerCatalogue, IsDocumentedWithItsPapers) {
  expect_documented(sampler_catalogue(), read_file(std::string(PALIMPSEST_SOURCE_DIR) + "/docs/sampling.md"));
  expect_sourced(sampler_catalogue(), "unmask");
  expect_sourced(sampler_catalogue(), "remask", {"none"});
  expect_sourced(sampler_catalogue(), "grid");
  expect_sourced(sampler_catalogue(), "joint", {"together"});
  expect_sourced(sampler_catalogue(), "guidance_schedule");
  for (const char* group : {"guidance", "top_k", "top_p", "min_p", "repetition_penalty", "block"})
    expect_sourced(sampler_catalogue(), group);
}

bool names(const CatalogueEntry& entry, const std::string& key) {
  return entry.group == key || (" " + entry.line + " ").find(" " + key + " ") != std::string::npos;
}

// Under a key of its own, or in the line of another that it goes with.
TEST(SamplerCatalogue, NamesEveryKeyOfTheSampler) {
  const auto all = sampler_catalogue();
  for (const std::string& key : option_names<SamplerOptions>()) {
    if (key == "roles") continue;  // whose keys are those of [sampler]
    const auto named = [&key](const CatalogueEntry& entry) { return names(entry, key); };
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), named)) << key;
  }
}

}  // namespace
}  // namespace palimpsest
