// What every catalogue of choices is held to.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/catalogue.h"
#include "base/options.h"

namespace palimpsest {

// The group lists every value of the enum, and each once.
template <class Enum>
void expect_listed(const std::vector<CatalogueEntry>& catalogue, const std::string& group) {
  std::set<std::string> listed;
  for (const CatalogueEntry& entry : catalogue) {
    if (entry.group != group) continue;
    EXPECT_TRUE(listed.insert(entry.name).second) << entry.name << " twice";
  }
  const auto names = enum_choices<Enum>();
  EXPECT_EQ(listed, std::set<std::string>(names.begin(), names.end())) << group;
}

}  // namespace palimpsest
