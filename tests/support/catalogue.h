// What every catalogue of choices is held to.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
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

// The page names every value, and the arXiv number of every paper.
inline void expect_documented(const std::vector<CatalogueEntry>& catalogue, const std::string& page) {
  static const std::regex kNumber("[0-9]{4}\\.[0-9]{5}");
  for (const CatalogueEntry& entry : catalogue) {
    const std::string& name = entry.name.empty() ? entry.group : entry.name;
    const bool named = page.find("`" + name) != std::string::npos ||
                       page.find("`" + name.substr(name.rfind('.') + 1) + "`") != std::string::npos;
    EXPECT_TRUE(named) << name;
    for (std::sregex_iterator found(entry.paper.begin(), entry.paper.end(), kNumber), end; found != end; ++found) {
      EXPECT_NE(page.find(found->str()), std::string::npos) << name << ": " << found->str();
    }
  }
}

// All of a group say where they are from, but for those named.
inline void expect_sourced(const std::vector<CatalogueEntry>& catalogue, const std::string& group,
                           const std::set<std::string>& ours = {}) {
  for (const CatalogueEntry& entry : catalogue) {
    if (entry.group != group) continue;
    EXPECT_EQ(entry.paper.empty(), ours.count(entry.name) > 0) << group << " " << entry.name;
  }
}

}  // namespace palimpsest
