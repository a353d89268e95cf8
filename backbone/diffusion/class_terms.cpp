#include "backbone/diffusion/class_terms.h"

#include "backbone/diffusion/cross_entropy.h"
#include "backbone/kernels/cross_entropy.h"

namespace palimpsest {

std::vector<std::int64_t> to_vector(const at::Tensor& counts) {
  const at::Tensor on_cpu = counts.to(at::kCPU, at::kLong).contiguous();
  return {on_cpu.data_ptr<std::int64_t>(), on_cpu.data_ptr<std::int64_t>() + on_cpu.numel()};
}

at::Tensor feature_terms_by_class(Denoiser& denoiser, const Prediction& prediction, const ClassTerm& term) {
  const Vocabulary& vocabulary = prediction.schema.vocabulary();
  const at::Tensor class_M = prediction.clean.legal_class_BL.flatten().index_select(0, prediction.rows_M);
  const auto [sorted_M, order_M] = at::sort(class_M, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const std::vector<std::int64_t> counts = to_vector(at::bincount(class_M, {}, vocabulary.num_classes()));
  const at::Tensor grouped_M = prediction.rows_M.index_select(0, order_M);
  const std::vector<at::Tensor> features = denoiser.features_MD(prediction.noisy, grouped_M).split_with_sizes(counts);
  const std::vector<at::Tensor> targets =
      prediction.clean.tokens_BL.flatten().index_select(0, grouped_M).split_with_sizes(counts);
  const std::vector<at::Tensor> indices = order_M.split_with_sizes(counts);
  std::vector<at::Tensor> terms;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    const LegalClass& legal = vocabulary.legal_class(static_cast<std::int64_t>(c));
    terms.push_back(term(features[c], {legal, local_targets_M(targets[c], legal), indices[c]}));
  }
  if (terms.empty()) return features.front().sum(-1).to(at::kFloat);
  const at::Tensor grouped_terms_M = at::cat(terms);
  return at::zeros_like(grouped_terms_M).index_copy(0, order_M, grouped_terms_M);
}

at::Tensor terms_by_class(Denoiser& denoiser, const Prediction& prediction, const ClassTerm& term) {
  return feature_terms_by_class(denoiser, prediction, [&](const at::Tensor& features_MD, const ClassRows& rows) {
    return term(denoiser.logits_MR(features_MD, legal_ranges(rows.legal)), rows);
  });
}

at::Tensor legal_nll_M(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                       const CanvasSchema& schema, const at::Tensor& rows_M) {
  const Prediction prediction{clean, noisy, schema, rows_M};
  return feature_terms_by_class(denoiser, prediction, [&](const at::Tensor& features_MD, const ClassRows& rows) {
    const std::vector<IdRange> ranges = legal_ranges(rows.legal);
    const at::Tensor head_RD = denoiser.head_RD(ranges);
    return head_RD.defined() ? linear_cross_entropy(features_MD, head_RD, rows.clean_M)
                             : cross_entropy(denoiser.logits_MR(features_MD, ranges), rows.clean_M);
  });
}

}  // namespace palimpsest
