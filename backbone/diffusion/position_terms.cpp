#include "backbone/diffusion/position_terms.h"

#include "backbone/diffusion/cross_entropy.h"
#include "backbone/diffusion/elbo.h"
#include "backbone/kernels/cross_entropy.h"

namespace palimpsest {

namespace {

// A function of schedule and time at every predicted position, by its modality's schedule: of the type of t.
template <class Function>
at::Tensor by_schedule_M(const Prediction& prediction, const DiffusionOptions& options, const at::Tensor& t_BL,
                         const Function& function) {
  const Vocabulary& vocabulary = prediction.schema.vocabulary();
  at::Tensor values_BL = at::zeros_like(t_BL);
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const at::Tensor here_BL = prediction.noisy.canvas.modality_BL.eq(k).logical_and(prediction.noisy.masked_BL);
    const NoiseSchedule schedule = options.schedule_of(vocabulary.space(k).modality);
    values_BL = at::where(here_BL, function(schedule, t_BL), values_BL);
  }
  return values_BL.flatten().index_select(0, prediction.rows_M);
}

at::Tensor elbo_weights_M(const Prediction& prediction, const DiffusionOptions& options) {
  return by_schedule_M(prediction, options, prediction.noisy.t_BL,
                       [](const NoiseSchedule& schedule, const at::Tensor& t) { return schedule.elbo_weight(t); });
}

// min(1, clip/SNR) with SNR = alpha/(1 - alpha).
at::Tensor clips_M(const Prediction& prediction, const DiffusionOptions& options) {
  const double clip = options.objective.clip;
  return by_schedule_M(prediction, options, prediction.noisy.t_BL,
                       [clip](const NoiseSchedule& schedule, const at::Tensor& t) {
                         const at::Tensor alpha = schedule.alpha(t);
                         return (clip * (1 - alpha) / alpha).clamp_max(1.0);
                       });
}

// (1 - p)^focal of cross-entropies.
at::Tensor focused_M(const at::Tensor& nll_M, double focal) {
  return focal == 0 ? nll_M : nll_M * (-at::expm1(-nll_M)).pow(focal);
}

PositionTerms cross_entropy_terms(Denoiser& denoiser, const Prediction& prediction, const DiffusionOptions& options) {
  const at::Tensor nll_M =
      legal_nll_M(denoiser, prediction.clean, prediction.noisy, prediction.schema, prediction.rows_M);
  const at::Tensor weights_M = elbo_weights_M(prediction, options);
  const at::Tensor nats_M = nll_M * weights_M;
  const ObjectiveOptions& objective = options.objective;
  if (objective.kind == ObjectiveKind::kNelbo && objective.focal == 0) return {nats_M, nats_M};
  at::Tensor loss_M = focused_M(nll_M, objective.focal);
  if (objective.kind != ObjectiveKind::kSimplified) loss_M = loss_M * weights_M;
  if (objective.kind == ObjectiveKind::kSnrClipped) loss_M = loss_M * clips_M(prediction, options);
  return {loss_M, nats_M.detach()};
}

// The bound in nats stays that of the softmax, which is the tighter one: Z - 1 - log Z is never negative.
PositionTerms absorbing_score_terms(Denoiser& denoiser, const Prediction& prediction, const DiffusionOptions& options) {
  const at::Tensor terms_MN =
      terms_by_class(denoiser, prediction, [](const at::Tensor& logits_MR, const ClassRows& rows) {
        return at::stack(
            {absorbing_score_entropy_M(logits_MR, rows.clean_M), cross_entropy(logits_MR.detach(), rows.clean_M)}, 1);
      });
  const at::Tensor weights_M = elbo_weights_M(prediction, options);
  return {terms_MN.select(1, 0) * weights_M, (terms_MN.select(1, 1) * weights_M).detach()};
}

// Masses and rates at every predicted position, float64 [M], the rates a unit of time.
NoiseLevel<at::Tensor> levels_M(const Prediction& prediction, const DiffusionOptions& options) {
  const at::Tensor t_BL = prediction.noisy.t_BL.to(at::kDouble);
  const at::Tensor share_M =
      by_schedule_M(prediction, options, t_BL,
                    [](const NoiseSchedule& schedule, const at::Tensor& t) { return 1 - schedule.alpha(t); });
  const at::Tensor growth_M =
      by_schedule_M(prediction, options, t_BL,
                    [](const NoiseSchedule& schedule, const at::Tensor& t) { return -schedule.dalpha_dt(t); });
  NoiseLevel<at::Tensor> level = noise_level(options.process, share_M);
  level.to_mask = level.to_mask * growth_M;
  level.to_uniform = level.to_uniform * growth_M;
  return level;
}

NoisedRows noised_rows(const Prediction& prediction, const NoiseLevel<at::Tensor>& level, const ClassRows& rows) {
  const auto here = [&rows](const at::Tensor& values_M) { return values_M.index_select(0, rows.index_M); };
  const at::Tensor positions_M = here(prediction.rows_M);
  const at::Tensor seen_M = prediction.noisy.canvas.tokens_BL.flatten().index_select(0, positions_M);
  const at::Tensor clean_M = prediction.clean.tokens_BL.flatten().index_select(0, positions_M);
  const at::Tensor is_mask_M = seen_M.eq(kMaskId);
  const at::Tensor local_M = local_targets_M(at::where(is_mask_M, clean_M, seen_M), rows.legal);
  return {rows.clean_M,
          local_M.masked_fill(is_mask_M, -1),
          {here(level.hit), here(level.keep), here(level.mask), here(level.uniform), here(level.to_mask),
           here(level.to_uniform)}};
}

PositionTerms process_terms(Denoiser& denoiser, const Prediction& prediction, const DiffusionOptions& options) {
  const NoiseLevel<at::Tensor> level = levels_M(prediction, options);
  const ObjectiveOptions& objective = options.objective;
  const auto term = [&](const at::Tensor& logits_MR, const ClassRows& rows) {
    const NoisedRows noised = noised_rows(prediction, level, rows);
    const bool scores = objective.kind == ObjectiveKind::kScoreEntropy;
    const at::Tensor nats_M = scores ? uniform_score_entropy_M(logits_MR, noised) : elbo_M(logits_MR, noised);
    if (objective.kind != ObjectiveKind::kSimplified) return at::stack({nats_M, nats_M.detach()}, 1);
    return at::stack({focused_M(cross_entropy(logits_MR, rows.clean_M), objective.focal), nats_M.detach()}, 1);
  };
  const at::Tensor terms_MN = terms_by_class(denoiser, prediction, term);
  const at::Tensor loss_M = terms_MN.select(1, 0);
  const bool clipped = objective.kind == ObjectiveKind::kSnrClipped;
  return {clipped ? loss_M * clips_M(prediction, options) : loss_M, terms_MN.select(1, 1).detach()};
}

}  // namespace

PositionTerms position_terms(Denoiser& denoiser, const Prediction& prediction, const DiffusionOptions& options) {
  const bool absorbing = options.process.kind == ProcessKind::kAbsorbing;
  const bool scores = options.objective.kind == ObjectiveKind::kScoreEntropy;
  if (prediction.rows_M.numel() == 0 || (absorbing && !scores)) {
    return cross_entropy_terms(denoiser, prediction, options);
  }
  return absorbing ? absorbing_score_terms(denoiser, prediction, options)
                   : process_terms(denoiser, prediction, options);
}

}  // namespace palimpsest
