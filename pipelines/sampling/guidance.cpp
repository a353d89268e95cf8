#include "pipelines/sampling/guidance.h"

namespace palimpsest {

at::Tensor given_whole_BL(const CanvasSchema& schema, const TokenCanvas& canvas) {
  at::Tensor hide_BL = at::zeros_like(canvas.frozen_BL);
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    const at::Tensor in_role_BL = canvas.role_BL.eq(role).logical_and(canvas.visible_BL);
    const at::Tensor whole_B1 = canvas.frozen_BL.logical_or(in_role_BL.logical_not()).all(1, true);
    hide_BL = hide_BL.logical_or(in_role_BL.logical_and(whole_B1));
  }
  return hide_BL;
}

namespace {

NoisyCanvas without(const NoisyCanvas& noisy, const at::Tensor& hide_BL) {
  NoisyCanvas result = noisy;
  result.canvas.tokens_BL = noisy.canvas.tokens_BL.masked_fill(hide_BL, kMaskId);
  result.canvas.visible_BL = noisy.canvas.visible_BL.logical_and(hide_BL.logical_not());
  return result;
}

}  // namespace

at::Tensor guided_logits_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                            const at::Tensor& hide_BL, double guidance) {
  const bool anything_given = hide_BL.any().item<bool>();
  if (guidance == 1.0 || !anything_given) return logits_at(model, noisy, rows_M);
  const at::Tensor unconditional_MV = logits_at(model, without(noisy, hide_BL), rows_M);
  if (guidance == 0.0) return unconditional_MV;
  return at::lerp(unconditional_MV, logits_at(model, noisy, rows_M), guidance);
}

}  // namespace palimpsest
