#include "backbone/diffusion/cross_entropy.h"

#include <ATen/core/grad_mode.h>

#include <limits>

#include "backbone/kernels/chunks.h"
#include "backbone/kernels/distribution_loops.h"
#include "base/parallel.h"

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

at::Tensor legal_log_probs_MV(const at::Tensor& logits_MV, const at::Tensor& legal_class_M,
                              const Vocabulary& vocabulary, at::Tensor& space) {
  const at::NoGradGuard no_grad;
  if (!loops_take(logits_MV)) {
    return legal_log_softmax_MV(logits_MV, legal_class_M.to(logits_MV.device()), vocabulary).cpu().contiguous();
  }
  const at::Tensor from_MV = logits_MV.contiguous(), classes_M = legal_class_M.to(at::kCPU).contiguous();
  const std::int64_t ids = from_MV.size(1);
  if (!space.defined() || space.numel() < from_MV.numel()) space = at::empty({from_MV.numel()}, at::kFloat);
  at::Tensor result_MV = space.narrow(0, 0, from_MV.numel()).view(from_MV.sizes());
  const std::int64_t* classes = classes_M.const_data_ptr<std::int64_t>();
  with_number(from_MV.scalar_type(), [&](auto number) {
    using N = decltype(number);
    const N* logits = numbers<N>(from_MV);
    float* result = result_MV.mutable_data_ptr<float>();
    parallel_for(0, from_MV.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m = begin; m < end; ++m) {
        const LegalClass& legal = vocabulary.legal_class(classes[m]);
        loops::log_softmax_row(loops::LogSoftmaxRow<N>{logits + m * ids, result + m * ids, ids, legal.range.begin,
                                                       legal.range.end, legal.with_end ? kEndId : -1});
      }
    });
  });
  return result_MV;
}

at::Tensor legal_log_prob_M(const at::Tensor& logits_MV, const at::Tensor& targets_M, const at::Tensor& legal_class_M,
                            const Vocabulary& vocabulary) {
  return legal_log_softmax_MV(logits_MV, legal_class_M, vocabulary).gather(1, targets_M.unsqueeze(1)).squeeze(1);
}

}  // namespace palimpsest
