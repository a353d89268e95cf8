// The catalogue names every value of every enum of [diffusion], and each key that it names is one.
#include "backbone/diffusion/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "backbone/diffusion/diffusion_options.h"

namespace palimpsest {
namespace {

template <class Enum>
void expect_listed_in(const std::string& group) {
  std::set<std::string> listed;
  for (const CatalogueEntry& entry : diffusion_catalogue()) {
    if (entry.group != group) continue;
    EXPECT_TRUE(listed.insert(entry.name).second) << entry.name << " twice";
  }
  const auto names = enum_choices<Enum>();
  EXPECT_EQ(listed, std::set<std::string>(names.begin(), names.end())) << group;
}

TEST(DiffusionCatalogue, HoldsEveryChoiceOnce) {
  expect_listed_in<ScheduleKind>("schedule.kind");
  expect_listed_in<ProcessKind>("process.kind");
  expect_listed_in<TimeDraw>("times.draw");
  expect_listed_in<TimeCoupling>("times.one_per");
  expect_listed_in<ObjectiveKind>("objective.kind");
  expect_listed_in<LossNormalisation>("normalisation");
  expect_listed_in<PatternKind>("patterns");
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
