#include "tokenizers/quantizers/autoencoder.h"

#include <gtest/gtest.h>

namespace palimpsest {
namespace {

TEST(FoldGrid, IsUndoneByUnfold) {
  const at::Tensor x = normal(RandomKey::root(1), {2, 3, 8, 12});
  const at::Tensor folded = fold_grid(x, 4, 3);
  EXPECT_EQ(folded.sizes(), at::IntArrayRef({2, 36, 2, 4}));
  EXPECT_TRUE(at::equal(unfold_grid(folded, 4, 3), x));
  EXPECT_TRUE(at::equal(fold_grid(x, 2, 2), at::pixel_unshuffle(x, 2)));
}

TEST(FoldGrid, RefusesGridsThatDoNotFit) {
  EXPECT_THROW(fold_grid(at::zeros({1, 1, 5, 4}), 2, 2), c10::Error);
  EXPECT_THROW(unfold_grid(at::zeros({1, 3, 5, 4}), 2, 2), c10::Error);
}

TEST(Autoencoder, ShrinksAndRestoresTheGridAndStartsWithIdentityBlocks) {
  ParameterSet parameters;
  const AutoencoderShape shape{.channels = 3,
                               .code_channels = 4,
                               .kernel_rows = 3,
                               .kernel_columns = 3,
                               .stages = {{.fold_rows = 4, .fold_columns = 4, .width = 8, .hidden = 6},
                                          {.fold_rows = 2, .fold_columns = 2, .width = 12, .hidden = 10}}};
  const Autoencoder net(shape, parameters, RandomKey::root(3));
  const at::Tensor x = normal(RandomKey::root(4), {2, 3, 16, 24});
  const at::Tensor code = net.encode(x);
  EXPECT_EQ(code.sizes(), at::IntArrayRef({2, 4, 2, 3}));
  EXPECT_EQ(net.decode(code).sizes(), x.sizes());
  for (const auto& [name, tensor] : parameters.items()) {
    if (name.ends_with("mix.weight")) {
      EXPECT_EQ(tensor.abs().max().item<float>(), 0.0F) << name;
    }
  }
}

}  // namespace
}  // namespace palimpsest
