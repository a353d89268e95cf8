#include "backbone/transformer/digits.h"

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

Vocabulary grids() { return Vocabulary({{"text", {5}}, {"image", {6}}, {"audio", {4, 4}}}); }

TEST(Digits, EveryIdOfAGridIsWrittenOnce) {
  const Vocabulary vocabulary = grids();
  const at::Tensor marks_VK = digit_marks_VK(vocabulary, {{"image", {3, 2}}, {"audio", {2, 2}}});
  ASSERT_EQ(marks_VK.size(1), (3 + 2) + 2 * (2 + 2));
  const IdRange text = vocabulary.range(0), image = vocabulary.range(1), audio = vocabulary.range(2);
  EXPECT_EQ(marks_VK.slice(0, 0, text.end).sum().item<double>(), 0.0);
  EXPECT_TRUE(marks_VK.slice(0, image.begin, image.end).sum(1).eq(2).all().item<bool>());
  EXPECT_TRUE(marks_VK.slice(0, audio.begin, audio.end).sum(1).eq(2).all().item<bool>());
  // The rows of a codebook are all different, and those of two codebooks share nothing.
  EXPECT_TRUE(at::matmul(marks_VK, marks_VK.t())
                  .slice(0, image.begin, audio.end)
                  .slice(1, image.begin, audio.end)
                  .eq(2)
                  .equal(at::eye(14, at::kBool)));
  const at::Tensor first = marks_VK.slice(0, audio.begin, audio.begin + 4),
                   second = marks_VK.slice(0, audio.begin + 4, audio.end);
  EXPECT_EQ(at::matmul(first, second.t()).sum().item<double>(), 0.0);
}

// id = d0 + 3 d1: the quantizer's own numbering (tokenizers/quantizers/fsq.h).
TEST(Digits, LeastSignificantFirst) {
  const Vocabulary vocabulary = grids();
  const at::Tensor marks_VK = digit_marks_VK(vocabulary, {{"image", {3, 2}}});
  const at::Tensor row = marks_VK[vocabulary.range(1).begin + 1 + 3 * 1];
  EXPECT_TRUE(row.equal(at::tensor({0.f, 1.f, 0.f, 0.f, 1.f})));
}

TEST(Digits, LevelsMustNumberTheCodebook) {
  EXPECT_THAT(message_of<InputError>([] {
                digit_marks_VK(grids(), {{"image", {3, 3}}});
              }),
              HasSubstr("backbone.digits.image: levels must multiply to the 6 ids of a codebook, not 9"));
  EXPECT_THAT(message_of<InputError>([] { digit_marks_VK(grids(), {{"imag", {3, 2}}}); }), HasSubstr("image"));
}

// What is learned of a digit moves the logits of every id that has it, and of no other.
TEST(Digits, AreSharedInAndOut) {
  TransformerOptions options;
  options.width = 32;
  options.layers = 1;
  options.digits = {{"image", {3, 3}}};
  const CanvasSchema schema = test::small_schema();
  Transformer net(options, schema, RandomKey::root(1));
  const TokenCanvas clean = build_canvas(schema, test::random_documents(schema, 2, 3));
  const NoisyCanvas noisy = corrupt(clean, schema, {}, RandomKey::root(4), test::indices(0, 2), 2);
  const at::Tensor rows_M = at::arange(3, at::kLong);
  at::Tensor digits;
  for (const auto& [name, parameter] : net.parameters().items()) {
    if (name == "digit_embed.weight") digits = parameter;
  }
  ASSERT_TRUE(digits.defined());
  const at::NoGradGuard no_grad;
  const at::Tensor features_MD = net.features_MD(noisy, rows_M);
  const std::vector<IdRange> all{IdRange{0, net.vocabulary_size()}};
  const at::Tensor before = net.logits_MR(features_MD, all);
  digits[0].add_(1.0);
  const at::Tensor moved_V = (net.logits_MR(features_MD, all) - before).abs().amax(0).gt(0);
  const at::Tensor marked_V = digit_marks_VK(schema.vocabulary(), options.digits).select(1, 0).gt(0);
  EXPECT_TRUE(moved_V.equal(marked_V));
}

}  // namespace
}  // namespace palimpsest
