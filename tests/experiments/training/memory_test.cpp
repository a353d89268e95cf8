#include "experiments/training/memory.h"

#include <gtest/gtest.h>

#include "experiments/cli/bench_task.h"
#include "experiments/training/average.h"
#include "experiments/training/optimizer.h"
#include "experiments/training/trainer.h"

namespace palimpsest {
namespace {

TEST(MemoryMeter, SeesWhatTensorsTakeWhileItLives) {
  const at::Tensor before = at::zeros({1000});
  MemoryMeter meter;
  at::Tensor kept = at::zeros({1000});
  const std::int64_t one = meter.live();
  EXPECT_GE(one, 4000);
  EXPECT_LT(one, 4500);
  { const at::Tensor passing = at::zeros({50'000}); }
  EXPECT_EQ(meter.live(), one);
  EXPECT_GE(meter.peak(), one + 200'000);
  meter.forget_peak();
  EXPECT_EQ(meter.peak(), one);
  kept = at::Tensor();
  EXPECT_EQ(meter.live(), 0);
}

struct Size {
  std::int64_t width, layers, batch;
  c10::ScalarType dtype;
  OptimizerKind optimizer;
};

class MemoryEstimates : public testing::TestWithParam<Size> {};

// What is told from eight rows against what the trainer's own step takes.
TEST_P(MemoryEstimates, AreWithinATenthOfWhatAStepTakes) {
  const Size size = GetParam();
  const Machine machine{c10::DeviceType::CPU, size.dtype};
  const TaskMakers makers{{"backbone", [&](const TaskRequest& request) {
                             BenchPreset preset{"test", size.width, size.layers, 4, 64, request.training.batch, 500};
                             return std::make_unique<BenchTask>(preset, machine, 0);
                           }}};
  TaskRequest request{{toml::table{{"kind", "backbone"}}, "r.toml"}, {}, machine};
  request.training.batch = size.batch;
  request.training.optimizer = size.optimizer;
  const MemoryEstimate estimate = estimate_memory(makers, request);

  const auto task = make_task(makers, request);
  MemoryMeter meter;
  Optimizer optimizer(request.training, task->parameters(), size.dtype);
  const ParameterAverage average(task->parameters(), 0.9);
  std::int64_t peak = 0;
  for (std::int64_t step = 0; step < 2; ++step) {
    training_step(*task, optimizer, request.training, step);
    peak = std::max(peak, meter.peak());
  }
  const auto expected = static_cast<double>(estimate.optimizer + estimate.parameters + estimate.step);
  EXPECT_NEAR(static_cast<double>(peak) / expected, 1.0, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Sizes, MemoryEstimates,
                         testing::Values(Size{64, 2, 32, c10::ScalarType::Float, OptimizerKind::kAdamW},
                                         Size{128, 3, 24, c10::ScalarType::Float, OptimizerKind::kMuon},
                                         Size{256, 2, 16, c10::ScalarType::BFloat16, OptimizerKind::kLion}));

}  // namespace
}  // namespace palimpsest
