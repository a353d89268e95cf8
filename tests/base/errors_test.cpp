#include "base/errors.h"

#include <gtest/gtest.h>

namespace palimpsest {
namespace {

TEST(Errors, NameFileKeyAndRuleAndLeaveOutEmptyParts) {
  EXPECT_STREQ(InputError("a.toml", "training.steps", "must be positive").what(),
               "a.toml: training.steps: must be positive");
  EXPECT_STREQ(InputError("a.toml", "", "no such file").what(), "a.toml: no such file");
  EXPECT_STREQ(IoError("", "", "disk full").what(), "disk full");
}

TEST(Errors, NearestNameIsTheOneWithTheFewestEdits) {
  const std::vector<std::string> valid{"schedule", "sampler", "steps", "stop"};
  EXPECT_EQ(nearest_name("shcedule", valid), "schedule");
  EXPECT_EQ(nearest_name("step", valid), "steps");
  EXPECT_EQ(nearest_name("sampling", valid), "");
  EXPECT_EQ(nearest_name("x", valid), "");
  EXPECT_EQ(nearest_name("", {"a"}), "");
}

TEST(Errors, SuggestNamesTheNearestOrListsAll) {
  EXPECT_EQ(suggest("captoin", {"caption", "picture"}), "; did you mean 'caption'?");
  EXPECT_EQ(suggest("q", {"caption", "picture"}), "; valid: caption, picture");
  EXPECT_EQ(suggest("q", {}), "");
}

}  // namespace
}  // namespace palimpsest
