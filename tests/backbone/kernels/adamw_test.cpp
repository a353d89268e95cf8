#include "backbone/kernels/adamw.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "base/parallel.h"
#include "base/random.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

constexpr AdamWRates kRates{0.03, 0.8, 0.97, 1e-8, 0.3, /*gradient_scale=*/0.4, /*average_share=*/0.2};

// Small and odd, empty, and of several parts with a transposed gradient; the last one without an average.
std::vector<AdamWTensors> parameters_to_step() {
  std::vector<AdamWTensors> parameters;
  for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{7}, {0}, {190, 300}, {5, 3}}) {
    const RandomKey key = RandomKey::root(parameters.size());
    AdamWTensors one{normal(key.fold("value"), sizes),
                     normal(key.fold("gradient"), sizes),
                     normal(key.fold("first"), sizes),
                     normal(key.fold("second"), sizes).square(),
                     at::full({}, 3.0f * static_cast<float>(parameters.size())),
                     normal(key.fold("average"), sizes)};
    if (sizes[0] == 190) one.gradient = normal(key.fold("gradient"), {300, 190}).t();
    parameters.push_back(one);
  }
  parameters.back().average = at::Tensor();
  return parameters;
}

TEST(AdamWStep, IsItsPlainTwin) {
  const std::vector<AdamWTensors> fused = parameters_to_step(), plain = parameters_to_step();
  for (int step = 0; step < 3; ++step) {
    adamw_step(fused, kRates);
    plain_adamw_step(plain, kRates);
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i].gradient.copy_(fused[i].gradient);  // which it may scale
  }
  for (std::size_t i = 0; i < fused.size(); ++i) {
    EXPECT_TRUE(test::close(fused[i].value, plain[i].value, at::kFloat)) << i;
    EXPECT_TRUE(test::close(fused[i].first, plain[i].first, at::kFloat)) << i;
    EXPECT_TRUE(test::close(fused[i].second, plain[i].second, at::kFloat)) << i;
    EXPECT_TRUE(fused[i].steps.equal(plain[i].steps)) << i;
    EXPECT_TRUE(fused[i].gradient.equal(parameters_to_step()[i].gradient)) << i;
    if (!fused[i].average.defined()) continue;
    EXPECT_TRUE(test::close(fused[i].average, plain[i].average, at::kFloat)) << i;
  }
}

TEST(AdamWStep, HasTheSameBitsWithAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  std::vector<std::vector<AdamWTensors>> stepped;
  for (const int count : {1, 3}) {
    set_num_threads(count);
    stepped.push_back(parameters_to_step());
    adamw_step(stepped.back(), kRates);
  }
  set_num_threads(threads);
  EXPECT_TRUE(stepped[0][2].value.equal(stepped[1][2].value));
  EXPECT_TRUE(stepped[0][2].average.equal(stepped[1][2].average));
}

// Processes move the averages of what others have stepped by themselves, and must not part from each other.
TEST(MoveAverages, HaveTheBitsOfThoseThatMoveAlong) {
  for (const double share : {0.0, 0.1, 0.9, 1.0}) {
    AdamWRates rates = kRates;
    rates.average_share = share;
    const std::vector<AdamWTensors> along = parameters_to_step(), after = parameters_to_step();
    adamw_step(along, rates);
    move_averages({after[0].average, after[2].average}, {along[0].value, along[2].value}, share);
    EXPECT_TRUE(after[0].average.equal(along[0].average)) << share;
    EXPECT_TRUE(after[2].average.equal(along[2].average)) << share;
    EXPECT_EQ(after[2].average.equal(along[2].value), share == 1.0);
  }
}

}  // namespace
}  // namespace palimpsest
