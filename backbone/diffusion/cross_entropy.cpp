#include "backbone/diffusion/cross_entropy.h"

#include <limits>

namespace palimpsest {

std::vector<IdRange> legal_ranges(const LegalClass& legal) {
  if (!legal.with_end) return {legal.range};
  return {IdRange{kEndId, kEndId + 1}, legal.range};
}

at::Tensor local_targets_M(const at::Tensor& targets_M, const LegalClass& legal) {
  const at::Tensor in_range_M = targets_M.ge(legal.range.begin).logical_and(targets_M.lt(legal.range.end));
  const at::Tensor is_end_M = targets_M.eq(kEndId);
  const at::Tensor legal_M = legal.with_end ? in_range_M.logical_or(is_end_M) : in_range_M;
  TORCH_CHECK(legal_M.all().item<bool>(), "local_targets_M: a target is not legal at its position (ids ",
              legal.range.begin, " to ", legal.range.end - 1, legal.with_end ? " and end)" : ")");
  if (!legal.with_end) return targets_M - legal.range.begin;
  return (targets_M - (legal.range.begin - 1)).masked_fill(is_end_M, 0);
}

at::Tensor legal_log_softmax_MV(const at::Tensor& logits_MV, const at::Tensor& legal_class_M,
                                const Vocabulary& vocabulary) {
  const at::Tensor legal_MV = vocabulary.legal_CV().to(logits_MV.device()).index_select(0, legal_class_M);
  const at::Tensor kept_MV =
      logits_MV.to(at::kFloat).masked_fill(legal_MV.logical_not(), -std::numeric_limits<float>::infinity());
  return at::log_softmax(kept_MV, 1);
}

at::Tensor legal_log_prob_M(const at::Tensor& logits_MV, const at::Tensor& targets_M, const at::Tensor& legal_class_M,
                            const Vocabulary& vocabulary) {
  return legal_log_softmax_MV(logits_MV, legal_class_M, vocabulary).gather(1, targets_M.unsqueeze(1)).squeeze(1);
}

}  // namespace palimpsest
