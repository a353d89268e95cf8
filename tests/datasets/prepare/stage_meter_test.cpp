#include "datasets/prepare/stage_meter.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/datasets/tiny_preparation.h"

namespace palimpsest {
namespace {

TEST(StageMeter, TellsSamplesAndWhatASecondOfAStageDoes) {
  StageMeter meter;
  EXPECT_EQ(meter.line(), "read 0, filtered 0, tokenized 0, written 0");
  meter.add(Stage::kRead, 3'000, 0.1);
  meter.add(Stage::kFilter, 1'500, 1.0);
  meter.add(Stage::kFilter, 1'500, 0.5);
  EXPECT_EQ(meter.line(), "read 3.0k (30.0k/s), filtered 3.0k (2.0k/s), tokenized 0, written 0");
}

TEST(StageMeter, TakesFromSeveralThreads) {
  StageMeter meter;
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&meter] {
      for (int round = 0; round < 250; ++round) meter.add(Stage::kTokenize, 1, 0.001);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(meter.line(), testing::HasSubstr("tokenized 1.0k (1.0k/s)"));
}

TEST(StageMeter, ThePreparationTellsEveryStage) {
  const TinyPreparation tiny;
  PrepareOptions options = tiny.captions();
  FilterOptions& filter = options.filters["short"];
  filter.role = "caption";
  filter.measure = "characters";
  filter.max = 12.0;
  testing::internal::CaptureStderr();
  const PrepareReport report = tiny.prepare(options, "out");
  const std::string told = testing::internal::GetCapturedStderr();
  std::int64_t filtered = 0;
  for (const auto& [split, counts] : report) {
    filtered += counts.filtered;
    const std::string read = "preparing " + split + ": " + std::to_string(counts.inputs()) + " samples";
    EXPECT_THAT(told, testing::HasSubstr(read));
    EXPECT_THAT(
        told, testing::ContainsRegex("read " + std::to_string(counts.inputs()) + " \\(.*/s\\), filtered " +
                                     std::to_string(counts.inputs()) + " .*, tokenized " + std::to_string(counts.kept) +
                                     " .*, written " + std::to_string(counts.kept)));
    EXPECT_THAT(told, testing::HasSubstr(std::to_string(counts.filtered) + " left out"));
  }
  EXPECT_GT(filtered, 0);
}

}  // namespace
}  // namespace palimpsest
