// The shipped checkpoint says the same in bfloat16, by the fused kernels, as in float32.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "backbone/diffusion/class_terms.h"
#include "pipelines/model.h"
#include "tests/backbone/fixtures.h"

namespace palimpsest {
namespace {

struct SeenByBoth {
  at::Tensor nll_M, logits_MV;
};

// Noised documents of random ids in every role, through the network in one number type.
SeenByBoth seen_in(ComputeType type) {
  MachineOptions machine;
  machine.device = "cpu";
  machine.dtype = type;
  const Model model = load_model(PALIMPSEST_SOURCE_DIR "/checkpoints/emoji", machine);
  const TokenCanvas clean = build_canvas(model.schema, test::random_documents(model.schema, 2, 5));
  const NoisyCanvas noisy = corrupt(clean, model.schema, {}, {RandomKey::root(6), test::indices(0, 2), 2});
  const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
  const at::NoGradGuard no_grad;
  return {legal_nll_M(*model.denoiser, clean, noisy, model.schema, rows_M),
          model.denoiser->logits_MV(noisy, rows_M).to(at::kFloat)};
}

TEST(ShippedCheckpoint, ScoresTheSameInBothNumberTypes) {
  const SeenByBoth exact = seen_in(ComputeType::kFp32), rounded = seen_in(ComputeType::kBf16);
  ASSERT_GT(exact.nll_M.numel(), 20);
  EXPECT_NEAR(rounded.nll_M.mean().item<double>(), exact.nll_M.mean().item<double>(), 0.02);
  const double apart = (rounded.logits_MV - exact.logits_MV).square().mean().sqrt().item<double>();
  EXPECT_LT(apart, 0.03 * exact.logits_MV.std().item<double>());
}

}  // namespace
}  // namespace palimpsest
