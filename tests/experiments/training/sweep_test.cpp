#include "experiments/training/sweep.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

TEST(Sweep, AxesPartAtCommasOutsideBracketsAndQuotes) {
  const SweepAxis axis = parse_sweep_axis("data.tasks=[\"a->b\",\"b,a->c\"],[],'x,y'");
  EXPECT_EQ(axis.key, "data.tasks");
  EXPECT_EQ(axis.values, (std::vector<std::string>{"[\"a->b\",\"b,a->c\"]", "[]", "'x,y'"}));
}

TEST(Sweep, RefusesWhatIsNoAxis) {
  for (const char* text : {"training.steps", "=1,2", "training.steps=", "training.steps=1,,2"}) {
    EXPECT_EQ(message_of<InputError>([&] { parse_sweep_axis(text); }),
              "command line: --sweep: is written table.key=value,value,..., got '" + std::string(text) + "'");
  }
}

TEST(Sweep, RunsAreTheProductOfTheAxes) {
  TrainRequest request;
  request.recipe = "emoji4";
  request.overrides = {"training.steps=5"};
  const std::vector<SweepRun> runs =
      sweep_runs(request, {parse_sweep_axis("training.seed=0,1"), parse_sweep_axis("training.start_from=runs/a,b")});
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[2].request.run, "runs/emoji4/sweep/training.seed=1,training.start_from=runs_a");
  EXPECT_EQ(runs[2].request.overrides,
            (std::vector<std::string>{"training.steps=5", "training.seed=1", "training.start_from=runs/a"}));
  EXPECT_EQ(runs[3].values, (std::vector<std::string>{"1", "b"}));
}

TEST(Sweep, TheTableHasTheBestRunFirst) {
  const nlohmann::json sweep = {
      {"runs",
       {{{"values", {{"lr", "1"}}}, {"loss", 3.0}, {"validation", {{"held-out/text", 3.0}}}},
        {{"values", {{"lr", "2"}}}, {"error", "no finite gradient"}},
        {{"values", {{"lr", "10"}}}, {"loss", 2.5}, {"validation", {{"held-out/text", 2.5}}}}}},
      {"best", 2}};
  EXPECT_EQ(sweep_table(sweep), "lr  loss    held-out/text\n10  2.5     2.5\n1   3       3\n2   failed  -\n");
}

}  // namespace
}  // namespace palimpsest
