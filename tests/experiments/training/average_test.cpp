#include "experiments/training/average.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace palimpsest {
namespace {

TEST(ParameterAverage, FollowsItsFormula) {
  ParameterSet parameters;
  at::Tensor value = parameters.add("a", at::full({2}, 3.0));
  ParameterAverage average(parameters, 0.5);
  double expected = 3.0;
  for (std::int64_t step = 0; step < 30; ++step) {
    {
      c10::NoGradGuard no_grad;
      value.fill_(std::cos(static_cast<double>(step)));
    }
    average.update();
    const double decay = std::min(0.5, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
    expected = decay * expected + (1 - decay) * std::cos(static_cast<double>(step));
    ASSERT_NEAR(average.values().at("a")[0].item<double>(), expected, 1e-6);
  }
}

TEST(ParameterAverage, WithoutMemoryIsTheParametersThemselves) {
  ParameterSet parameters;
  at::Tensor value = parameters.add("a", at::full({2}, 3.0));
  ParameterAverage average(parameters, 0.0);
  {
    c10::NoGradGuard no_grad;
    value.copy_(normal(RandomKey::root(1), {2}));
  }
  average.update();
  EXPECT_TRUE(at::equal(average.values().at("a"), value));
}

TEST(ParameterAverage, IsUsedWithinAScopeAndThenGone) {
  ParameterSet parameters;
  at::Tensor value = parameters.add("a", normal(RandomKey::root(2), {5}));
  const at::Tensor before = value.detach().clone();
  ParameterAverage average(parameters, 0.9);
  average.load({{"a", at::ones({5})}}, 7, "ema.safetensors");
  EXPECT_EQ(average.updates(), 7);
  {
    const ParameterAverage::Use use(average);
    EXPECT_TRUE(at::equal(value, at::ones({5})));
  }
  EXPECT_TRUE(at::equal(value, before));
}

TEST(Gradients, NormIsOverAllTensors) {
  ParameterSet parameters;
  at::Tensor a = parameters.add("a", at::zeros({2})), b = parameters.add("b", at::zeros({1, 1}));
  parameters.add("without", at::zeros({3}));
  a.mutable_grad() = at::tensor({1.0f, 2.0f});
  b.mutable_grad() = at::full({1, 1}, 2.0f);
  EXPECT_NEAR(gradient_norm(parameters), 3.0, 1e-6);
  b.mutable_grad().fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(std::isfinite(gradient_norm(parameters)));
  clear_gradients(parameters);
  EXPECT_FALSE(a.grad().defined());
}

}  // namespace
}  // namespace palimpsest
