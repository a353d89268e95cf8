#include "experiments/training/speed_gauge.h"

#include <gtest/gtest.h>

#include <thread>

#include "experiments/cli/bench_task.h"

namespace palimpsest {
namespace {

constexpr BenchPreset kGaugedNet{"test", 32, 2, 2, 12, 4, 100};

// The share of the roof is a closed form of the tokens a second: 3 forward passes' FLOPs each, half of the logits. The
// roof is measured once, and each process has one.
TEST(SpeedGauge, ModelFlopsAreAShareOfTheMeasuredRoofs) {
  constexpr std::int64_t kProcesses = 64;
  BenchTask task(kGaugedNet, Machine{}, 0);
  SpeedGauge gauge(task, at::kFloat, kProcesses);
  gauge.step_done();
  EXPECT_TRUE(gauge.figures().empty());  // the first step sets things up
  const double flops_a_token = 3 * task.blocked_net()->forward_flops_per_token(kGaugedNet.length, 0.5);
  std::vector<double> roofs;
  for (int step = 0; step < 3; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    gauge.step_done();
    const std::map<std::string, double> figures = gauge.figures();
    EXPECT_LT(figures.at("tokens"), static_cast<double>(kGaugedNet.batch * kGaugedNet.length) / 0.0025);
    roofs.push_back(figures.at("tokens") * flops_a_token / figures.at("mfu"));
  }
  EXPECT_NEAR(roofs[1] / roofs[0], 1, 1e-12);
  EXPECT_NEAR(roofs[2] / roofs[0], 1, 1e-12);
  const double measured = product_roof(at::kFloat, at::kCPU);
  EXPECT_GT(roofs[0] / (kProcesses * measured), 0.25);
  EXPECT_LT(roofs[0] / (kProcesses * measured), 4);
  EXPECT_NE(gauge.note().find("tokens/s  MFU "), std::string::npos) << gauge.note();
}

// The roof is a speed that a product of that size has here, and no product is much faster.
TEST(SpeedGauge, TheRoofIsThatOfASquareProduct) {
  const double roof = product_roof(at::kFloat, at::kCPU);
  const at::Tensor a = at::ones({512, 512});
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    at::matmul(a, a)[0][0].item<double>();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2 * 512.0 * 512 * 512 / seconds.count());
  }
  EXPECT_GT(roof / best, 0.25);
  EXPECT_LT(roof / best, 4);
}

// What counts no FLOPs has no share.
class UncountedTask : public BenchTask {
 public:
  using BenchTask::BenchTask;
  double flops_a_step() const override { return 0; }
};

TEST(SpeedGauge, WithoutCountedFlopsThereIsNoShare) {
  UncountedTask task(kGaugedNet, Machine{}, 0);
  SpeedGauge gauge(task, at::kFloat);
  gauge.step_done();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  gauge.step_done();
  EXPECT_EQ(gauge.figures().count("mfu"), 0u);
  EXPECT_EQ(gauge.note().find("MFU"), std::string::npos);
}

}  // namespace
}  // namespace palimpsest
