#include "base/progress.h"

#include <gtest/gtest.h>

#include <csignal>

#include "base/interrupt.h"

namespace palimpsest {
namespace {

TEST(Progress, PlainLinesWhenStderrIsNotATerminal) {
  testing::internal::CaptureStderr();
  {
    Progress progress("training", 100, "steps", 40);
    for (int step = 41; step <= 100; ++step) progress.update(step, "loss 1.5");
    progress.finish();
    progress.finish();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("training: 100/100 steps, "), 0u) << text;
  EXPECT_NE(text.find(" steps/s, took "), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("  loss 1.5\n")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Progress, AnUnknownTotalGivesCountAndRate) {
  testing::internal::CaptureStderr();
  Progress progress("reading", 0, "files");
  progress.update(7);
  progress.finish("done");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("reading: 7 files, "), 0u) << text;
}

TEST(Human, CountsAndSeconds) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(7.25), "7.2");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1234), "1.2k");
  EXPECT_EQ(human_count(123456), "123k");
  EXPECT_EQ(human_count(5.25e6), "5.2M");
  EXPECT_EQ(human_count(2e9), "2.0G");
  EXPECT_EQ(human_count(1.5e15), "1.5P");
  EXPECT_EQ(human_count(999e12), "999T");
  EXPECT_EQ(human_seconds(0.25), "0.2s");
  EXPECT_EQ(human_seconds(59.4), "59s");
  EXPECT_EQ(human_seconds(59.6), "1m00s");
  EXPECT_EQ(human_seconds(200), "3m20s");
  EXPECT_EQ(human_seconds(7260), "2h01m");
}

TEST(Interrupt, ASignalSetsTheFlagAndWorkStopsWhereItLooks) {
  catch_interrupts();
  EXPECT_NO_THROW(stop_if_interrupted());
  EXPECT_FALSE(interrupted());
  std::raise(SIGINT);
  EXPECT_TRUE(interrupted());
  EXPECT_THROW(stop_if_interrupted(), Interrupted);
}

}  // namespace
}  // namespace palimpsest
