#include "experiments/report/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/training/checkpoint.h"
#include "tests/support/scratch.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;
using testing::Not;

// The report of a run of two steps that spent so much.
std::string report_of(const TrainingState& spent, const std::string& recipe) {
  const ScratchFolder run;
  run.write("recipe.toml", recipe);
  CheckpointContent content;
  content.state = spent;
  content.state.step = 2;
  content.recipe = recipe;
  write_checkpoint(run.path(), std::move(content));
  write_run_report(run.path());
  return run.read("report.html");
}

TEST(RunReport, TellsEnergyWithItsCostAndWhatAStepSent) {
  TrainingState spent;
  spent.joules = 45'000;
  spent.gpu_joules = 32'400;
  spent.sent_bytes = 3e6;
  const std::string report = report_of(spent, "[training]\nenergy_price = 0.3\n");
  EXPECT_THAT(report, HasSubstr("12.5 Wh, 9 Wh of it by the GPU (0.00375 at 0.3 a kWh)"));
  EXPECT_THAT(report, HasSubstr("1.5M bytes a step"));
}

TEST(RunReport, SaysNothingOfEnergyAndBytesThatNobodyMeasuredOrSent) {
  const std::string report = report_of({}, "[training]\n");
  EXPECT_THAT(report, HasSubstr("time spent training"));
  EXPECT_THAT(report, Not(HasSubstr("Wh")));
  EXPECT_THAT(report, Not(HasSubstr("bytes a step")));
}

}  // namespace
}  // namespace palimpsest
