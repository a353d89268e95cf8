#include "backbone/transformer/adapters.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "backbone/diffusion/diffusion.h"
#include "backbone/transformer/transformer.h"
#include "base/errors.h"
#include "tests/backbone/fixtures.h"
#include "tests/support/message.h"
#include "tests/support/tolerance.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TransformerOptions adapted_net_options() {
  TransformerOptions options;
  options.width = 32;
  options.layers = 2;
  options.heads = options.key_value_heads = 2;
  return options;
}

AdapterOptions rank_three() {
  AdapterOptions options;
  options.rank = 3;
  options.alpha = 6.0;
  options.targets = {"attention.qkv", "mlp.down"};
  return options;
}

// A net with adapters whose second factors are no longer zero.
struct AdaptedNet {
  CanvasSchema schema = test::small_schema();
  Transformer net{adapted_net_options(), schema, RandomKey::root(1)};
  TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 3, 3));
  NoisyCanvas noisy = corrupt(clean, schema, {}, RandomKey::root(4), test::indices(0, 3), 3);

  void add() { net.add_adapters(rank_three(), RandomKey::root(2)); }
  void train_a_little() {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : net.parameters().items()) {
      if (name.ends_with(".lora.up")) tensor.copy_(normal_init(RandomKey::root(5), name, tensor.sizes(), 0.05));
    }
  }
  at::Tensor logits() {
    const at::NoGradGuard no_grad;
    return net.logits_BLV(noisy);
  }
};

TEST(Adapters, BeginAsTheNetWasAndTrainFewScalars) {
  AdaptedNet adapted;
  const at::Tensor before = adapted.logits();
  const std::int64_t whole = adapted.net.parameters().count();
  adapted.add();
  EXPECT_TRUE(adapted.logits().equal(before));
  std::int64_t trained = 0;
  for (const auto& [name, tensor] : adapted.net.parameters().items()) {
    EXPECT_EQ(tensor.requires_grad(), name.find(".lora.") != std::string::npos) << name;
    if (tensor.requires_grad()) trained += tensor.numel();
  }
  const std::int64_t qkv = 3 * 32 + 96 * 3, down = 3 * 128 + 32 * 3;  // the hidden width of 32 is 128
  EXPECT_EQ(trained, 2 * (qkv + down));
  EXPECT_LT(trained, whole / 10);
}

TEST(Adapters, OnlyTheirOwnFactorsHaveGradients) {
  AdaptedNet adapted;
  adapted.add();
  adapted.train_a_little();
  diffusion_loss(adapted.net, adapted.clean, adapted.noisy, adapted.schema, {}).loss.backward();
  for (const auto& [name, tensor] : adapted.net.parameters().items()) {
    const bool adapter = name.find(".lora.") != std::string::npos;
    EXPECT_EQ(tensor.grad().defined() && tensor.grad().abs().sum().item<double>() > 0, adapter) << name;
  }
}

TEST(Adapters, MergedTheyGiveTheSameLogits) {
  AdaptedNet adapted;
  adapted.add();
  adapted.train_a_little();
  Transformer plain(adapted_net_options(), adapted.schema, RandomKey::root(9));
  plain.parameters().load(merge_adapters(adapted.net.parameters().values(), rank_three()), "merged");
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(plain.logits_BLV(adapted.noisy).equal(adapted.logits()));
}

// The twin: the thin products applied to the input, as the paper writes it.
TEST(Adapters, AddTheirScaledProductToTheMatrix) {
  AdaptedNet adapted;
  ParameterSet parameters;
  const Block block = make_block(parameters, adapted_net_options(), 0, RandomKey::root(1));
  const BlockAdapters adapters(parameters, block, rank_three(), 0, RandomKey::root(2));
  const auto tensor = [&](const std::string& wanted) {
    for (const auto& [name, value] : parameters.items()) {
      if (name == wanted) return value;
    }
    return at::Tensor();
  };
  const at::NoGradGuard no_grad;
  const at::Tensor up = tensor("blocks.0.mlp.down.lora.up"), down = tensor("blocks.0.mlp.down.lora.down");
  up.copy_(normal(RandomKey::root(7), up.sizes()));
  const at::Tensor x = normal(RandomKey::root(8), {5, block.down_DF.size(1)});
  const at::Tensor expected = x.matmul(block.down_DF.t()) + 2.0 * x.matmul(down.t()).matmul(up.t());
  EXPECT_TRUE(test::close(x.matmul(adapters.applied_to(block).down_DF.t()), expected, at::kFloat));
  EXPECT_TRUE(adapters.applied_to(block).out_DD.is_same(block.out_DD));
}

TEST(Adapters, RefuseMatricesThatBlocksDoNotHave) {
  AdapterOptions options = rank_three();
  options.targets = {"attention.qvk"};
  EXPECT_THAT(message_of<InputError>([&] { options.validate(); }),
              HasSubstr("targets: no matrix of a block is called 'attention.qvk'; did you mean 'attention.qkv'?"));
}

}  // namespace
}  // namespace palimpsest
