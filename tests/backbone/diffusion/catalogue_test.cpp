// The catalogue names every value of every enum of [diffusion], and each key that it names is one.
#include "backbone/diffusion/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backbone/diffusion/diffusion_options.h"
#include "base/files.h"
#include "tests/support/catalogue.h"

namespace palimpsest {
namespace {

TEST(DiffusionCatalogue, HoldsEveryChoiceOnce) {
  expect_listed<ScheduleKind>(diffusion_catalogue(), "schedule.kind");
  expect_listed<ProcessKind>(diffusion_catalogue(), "process.kind");
  expect_listed<TimeDraw>(diffusion_catalogue(), "times.draw");
  expect_listed<TimeCoupling>(diffusion_catalogue(), "times.one_per");
  expect_listed<ObjectiveKind>(diffusion_catalogue(), "objective.kind");
  expect_listed<LossNormalisation>(diffusion_catalogue(), "normalisation");
  expect_listed<PatternKind>(diffusion_catalogue(), "patterns");
}

TEST(DiffusionCatalogue, IsDocumentedWithItsPapers) {
  expect_documented(diffusion_catalogue(), read_file(std::string(PALIMPSEST_SOURCE_DIR) + "/docs/diffusion.md"));
  for (const char* group : {"schedule.kind", "process.kind", "objective.kind", "patterns"})
    expect_sourced(diffusion_catalogue(), group);
}

TEST(DiffusionCatalogue, NamesKeysOfTheRecipe) {
  const auto keys = option_names<DiffusionOptions>();
  for (const CatalogueEntry& entry : diffusion_catalogue()) {
    const std::string key = entry.group.substr(0, entry.group.find('.'));
    EXPECT_TRUE(std::find(keys.begin(), keys.end(), key) != keys.end()) << entry.group;
    EXPECT_FALSE(entry.line.empty()) << entry.group;
  }
}

}  // namespace
}  // namespace palimpsest
