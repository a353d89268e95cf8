#include "experiments/training/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/experiments/training/toy_task.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

TEST(Profile, TellsWhereAStepsTimeAndMemoryWent) {
  const ScratchFolder scratch;
  TrainingOptions options;
  options.batch = 4;
  ToyTask task(options);
  const Profile profile = profile_training(task, options, at::kFloat, 3, scratch / "trace.json");
  EXPECT_EQ(task.calls, 2 + 3);
  EXPECT_EQ(profile.steps, 3);
  double share = 0, own = 0, allocated = 0;
  bool loss = false, product = false, previous_longer = true;
  for (std::size_t i = 0; i < profile.rows.size(); ++i) {
    const ProfileRow& row = profile.rows[i];
    if (i > 0) previous_longer = previous_longer && profile.rows[i - 1].own_ms >= row.own_ms;
    share += row.own_share;
    own += row.own_ms;
    allocated += row.allocated_mb;
    loss = loss || (row.name == "palimpsest::loss" && row.calls == 3);
    product = product || row.name == "aten::mm";
  }
  EXPECT_TRUE(loss);
  EXPECT_TRUE(product);
  EXPECT_TRUE(previous_longer);
  EXPECT_GT(allocated, 0);
  EXPECT_NEAR(share, 1, 0.1);  // own times cover the steps once, whatever calls whatever
  EXPECT_NEAR(own, profile.step_ms, 0.1 * profile.step_ms);
  const auto trace = nlohmann::json::parse(read_file(scratch / "trace.json"));
  EXPECT_GT(trace.at("traceEvents").size(), 10u);
  EXPECT_FALSE(std::filesystem::exists(scratch / "trace.json.part"));
}

}  // namespace
}  // namespace palimpsest
