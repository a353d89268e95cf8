#include "backbone/diffusion/elbo.h"

#include <cmath>

namespace palimpsest {

namespace {

at::Tensor at_ids(const at::Tensor& values_MR, const at::Tensor& ids_M) {
  return values_MR.gather(1, ids_M.unsqueeze(1)).squeeze(1);
}

// rate(z)/q(z | clean) where z is an id (float64).
at::Tensor id_weight_M(const NoisedRows& rows, double num_ids) {
  const at::Tensor kept_M = rows.level.keep * rows.seen_M.eq(rows.clean_M);
  return rows.level.to_uniform / num_ids / (rows.level.uniform / num_ids + kept_M);
}

}  // namespace

// With b the uniform mass of an id and r = keep/b, log q(y) and log p(y) are log b + log1p(r [y = clean]) and log b +
// log1p(r x0_y): nothing cancels where the two are close.
at::Tensor elbo_M(const at::Tensor& logits_MR, const NoisedRows& rows) {
  const auto num_ids = static_cast<double>(logits_MR.size(1));
  const at::Tensor is_mask_M = rows.seen_M.lt(0), seen_M = rows.seen_M.clamp_min(0);
  const at::Tensor uniform_M = rows.level.uniform / num_ids, ratio_M = rows.level.keep / uniform_M;
  const at::Tensor weight_M =
      at::where(is_mask_M, rows.level.to_mask / rows.level.mask, id_weight_M(rows, num_ids)).to(at::kFloat);

  const at::Tensor x0_MR = at::softmax(logits_MR.to(at::kFloat), 1);
  const at::Tensor log_p_MR = at::log1p(x0_MR * ratio_M.to(at::kFloat).unsqueeze(1));  // less log b
  const at::Tensor log_q_M = at::log1p(ratio_M);
  const at::Tensor keep_M = rows.level.keep.to(at::kFloat);
  const at::Tensor entropy_M = ((rows.level.keep + uniform_M) * log_q_M).to(at::kFloat);
  const at::Tensor kl_M =
      entropy_M - uniform_M.to(at::kFloat) * log_p_MR.sum(1) - keep_M * at_ids(log_p_MR, rows.clean_M);
  const at::Tensor log_q_seen_M = (log_q_M * seen_M.eq(rows.clean_M)).to(at::kFloat);
  const at::Tensor log_rho_M = (log_q_seen_M - at_ids(log_p_MR, seen_M)).masked_fill(is_mask_M, 0);
  return weight_M * (kl_M + at::expm1(log_rho_M) - log_rho_M);
}

at::Tensor uniform_score_entropy_M(const at::Tensor& logits_MR, const NoisedRows& rows) {
  const auto num_ids = static_cast<double>(logits_MR.size(1));
  const at::Tensor logits = logits_MR.to(at::kFloat);
  const at::Tensor log_s_MR = logits - at_ids(logits, rows.seen_M).unsqueeze(1);
  const at::Tensor log_clean_M =
      at::log1p(rows.level.keep * num_ids / rows.level.uniform);  // of q(clean) against others
  const at::Tensor log_q_MR =
      at::zeros_like(logits).scatter(1, rows.clean_M.unsqueeze(1), log_clean_M.unsqueeze(1).to(at::kFloat));
  const at::Tensor log_r_MR = log_q_MR - at_ids(log_q_MR, rows.seen_M).unsqueeze(1);
  const at::Tensor r_MR = log_r_MR.exp();  // at y = z every term is s - 1 - 0 = 0
  const at::Tensor sum_M = (log_s_MR.exp() - r_MR + r_MR * (log_r_MR - log_s_MR)).sum(1);
  return (rows.level.to_uniform / num_ids).to(at::kFloat) * sum_M;
}

at::Tensor absorbing_score_entropy_M(const at::Tensor& logits_MR, const at::Tensor& clean_M) {
  const at::Tensor logits = logits_MR.to(at::kFloat);
  const at::Tensor log_mean = at::logsumexp(logits, 1) - std::log(static_cast<double>(logits.size(1)));
  return log_mean.exp() - 1 - (at_ids(logits, clean_M) - std::log(static_cast<double>(logits.size(1))));
}

}  // namespace palimpsest
