#include "tokenizers/quantizers/fsq.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/random.h"

namespace palimpsest {
namespace {

const std::vector<std::vector<std::int64_t>> kLevelSets{{8, 8, 8, 5}, {8, 5, 5, 5}, {3}, {2, 2}, {7, 4, 3}};

TEST(FiniteScalarQuantizer, IdsAndCodesAreExactInverses) {
  for (const auto& levels : kLevelSets) {
    const FiniteScalarQuantizer quantizer(levels);
    const at::Tensor ids = at::arange(quantizer.num_codes()).unsqueeze(0);
    const at::Tensor codes = quantizer.codes(ids);
    EXPECT_LE(codes.abs().max().item<float>(), 1.0F);
    // Every code is reached: the values that bound() maps onto it come back as its id.
    std::vector<at::Tensor> z;
    for (std::size_t channel = 0; channel < levels.size(); ++channel) {
      const double count = static_cast<double>(levels[channel]), offset = levels[channel] % 2 == 0 ? 0.5 : 0.0;
      const double half = 0.5 * (count - 1) * 1.001;
      const at::Tensor level =
          codes.select(1, static_cast<std::int64_t>(channel)).to(at::kDouble) * std::floor(count / 2);
      z.push_back(at::atanh(((level + offset) / half).clamp(-0.9999, 0.9999)) - std::atanh(offset / half));
    }
    EXPECT_TRUE(at::equal(quantizer.ids(at::stack(z, 1)), ids)) << "levels " << testing::PrintToString(levels);
  }
}

TEST(FiniteScalarQuantizer, QuantizedValuesAreTheCodesOfTheirIds) {
  for (const auto& levels : kLevelSets) {
    const FiniteScalarQuantizer quantizer(levels);
    const at::Tensor z = 3 * normal(RandomKey::root(1), {4, quantizer.num_channels(), 5, 6});
    const at::Tensor ids = quantizer.ids(z);
    EXPECT_EQ(ids.sizes(), at::IntArrayRef({4, 5, 6}));
    EXPECT_GE(ids.min().item<std::int64_t>(), 0);
    EXPECT_LT(ids.max().item<std::int64_t>(), quantizer.num_codes());
    EXPECT_TRUE(at::allclose(quantizer.quantize(z), quantizer.codes(ids), 0, 1e-6));
  }
}

TEST(FiniteScalarQuantizer, OddAndEvenLevelsInClosedForm) {
  const FiniteScalarQuantizer odd({5}), even({4});
  const at::Tensor z = at::tensor({-9.0F, 0.0F, 9.0F}).view({3, 1, 1});
  EXPECT_TRUE(at::allclose(odd.quantize(z).flatten(), at::tensor({-1.0F, 0.0F, 1.0F}), 0, 1e-6));
  EXPECT_TRUE(at::allclose(even.quantize(z).flatten(), at::tensor({-1.0F, 0.0F, 0.5F}), 0, 1e-6));
  EXPECT_TRUE(at::equal(even.ids(z).flatten(), at::tensor({0, 2, 3}, at::kLong)));
}

TEST(FiniteScalarQuantizer, TheGradientSkipsTheRounding) {
  const FiniteScalarQuantizer quantizer({8, 5});
  const at::Tensor start = normal(RandomKey::root(2), {3, 2, 4});
  at::Tensor through = start.clone().set_requires_grad(true), smooth = start.clone().set_requires_grad(true);
  quantizer.quantize(through).sum().backward();
  (quantizer.bound(smooth) / at::tensor({4.0F, 2.0F}).view({1, 2, 1})).sum().backward();
  EXPECT_TRUE(at::allclose(through.grad(), smooth.grad(), 0, 1e-6));
  EXPECT_GT(through.grad().abs().min().item<float>(), 0.0F);
}

TEST(FiniteScalarQuantizer, RefusesWhatIsNoCode) {
  const FiniteScalarQuantizer quantizer({4, 3});
  EXPECT_THROW(quantizer.codes(at::tensor({12}, at::kLong)), c10::Error);
  EXPECT_THROW(quantizer.codes(at::tensor({-1}, at::kLong)), c10::Error);
  EXPECT_THROW(quantizer.ids(at::zeros({2, 3})), c10::Error);
  EXPECT_THROW(FiniteScalarQuantizer({1}), c10::Error);
  EXPECT_THROW(check_levels({8, 1}, "levels"), InputError);
  EXPECT_THROW(check_levels({256, 256, 2}, "levels"), InputError);
}

}  // namespace
}  // namespace palimpsest
