#include "backbone/kernels/recompute.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace palimpsest {
namespace {

TEST(Recomputed, HasTheBitsOfThePlainFunctionAndCallsItOnceMore) {
  const at::Tensor x = normal(RandomKey::root(1), {6, 5}).requires_grad_(true);
  const at::Tensor weight = normal(RandomKey::root(2), {4, 5}).requires_grad_(true), shift = at::ones({4});
  int calls = 0;
  const TensorFunction function = [&calls](const std::vector<at::Tensor>& in) {
    ++calls;
    const at::Tensor y = at::linear(in[0], in[1], in[2]).tanh();
    return std::vector{y, y * y, in[2] * 2};
  };
  const auto gradients = [&](const std::vector<at::Tensor>& out) {
    x.mutable_grad() = weight.mutable_grad() = at::Tensor();
    (out[0].sum() + (out[1] * 3).sum()).backward();
    return std::vector{out[0].detach(), x.grad(), weight.grad()};
  };
  const std::vector<at::Tensor> plain = gradients(function({x, weight, shift}));
  calls = 0;
  const std::vector<at::Tensor> again = gradients(recomputed(function, {x, weight, shift}));
  EXPECT_EQ(calls, 2);
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(plain[i].equal(again[i])) << i;
}

TEST(Recomputed, TakesAnOutputThatNobodyUses) {
  const at::Tensor x = at::ones({3}).requires_grad_(true);
  const auto out = recomputed([](const auto& in) { return std::vector{in[0] * 2, in[0] * 5}; }, {x});
  out[1].sum().backward();
  EXPECT_TRUE(x.grad().equal(at::full({3}, 5.0)));
}

}  // namespace
}  // namespace palimpsest
