// Shapes: B rows, L positions, M masked positions, K modalities, D width of features.
#include "backbone/diffusion/objective.h"

#include "backbone/diffusion/position_terms.h"

namespace palimpsest {

namespace {

// 1, or end_weight at an `end` that follows an `end` of the same role and document.
at::Tensor end_weights_BL(const TokenCanvas& clean, double end_weight) {
  const auto same_as_before = [](const at::Tensor& x_BL) { return x_BL.slice(1, 1).eq(x_BL.slice(1, 0, -1)); };
  const at::Tensor filling = clean.tokens_BL.slice(1, 1)
                                 .eq(kEndId)
                                 .logical_and(same_as_before(clean.tokens_BL))
                                 .logical_and(same_as_before(clean.role_BL))
                                 .logical_and(same_as_before(clean.document_BL));
  at::Tensor weights_BL = at::ones(clean.tokens_BL.sizes(), clean.tokens_BL.options().dtype(at::kFloat));
  weights_BL.slice(1, 1).masked_fill_(filling, end_weight);
  return weights_BL;
}

// Sum of values_M over each modality's positions: [K].
at::Tensor sum_by_modality(const at::Tensor& values_M, const at::Tensor& modality_M, std::int64_t num_modalities) {
  return at::zeros({num_modalities}, values_M.options()).index_add(0, modality_M, values_M);
}

// The terms times the weights of how the noise was drawn, where it has any.
PositionTerms weighed(PositionTerms terms, const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  if (!noisy.weight_BL.defined()) return terms;
  const at::Tensor weight_M = noisy.weight_BL.flatten().index_select(0, rows_M);
  return {terms.loss_M * weight_M, terms.nats_M * weight_M};
}

// Factor of each modality's summed loss: 1/count of its own noised positions or of all, times its weight.
at::Tensor factors_K(const std::vector<std::int64_t>& counts, const Vocabulary& vocabulary,
                     const DiffusionOptions& options) {
  std::int64_t all = 0;
  for (const std::int64_t count : counts) all += count;
  at::Tensor factors = at::zeros({static_cast<std::int64_t>(counts.size())}, at::kFloat);
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0) continue;
    const std::int64_t share = options.normalisation == LossNormalisation::kPerModality ? counts[k] : all;
    factors[static_cast<std::int64_t>(k)] =
        options.weight_of(vocabulary.space(static_cast<std::int64_t>(k)).modality) / static_cast<double>(share);
  }
  return factors;
}

}  // namespace

DiffusionLoss diffusion_loss(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                             const CanvasSchema& schema, const DiffusionOptions& options) {
  const Vocabulary& vocabulary = schema.vocabulary();
  const std::int64_t K = vocabulary.num_modalities();
  const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
  const auto at_rows = [&rows_M](const at::Tensor& x_BL) { return x_BL.flatten().index_select(0, rows_M); };
  const at::Tensor modality_M = at_rows(clean.modality_BL);
  const at::Tensor noised_BL = noisy.t_BL.gt(0);
  const std::vector<std::int64_t> counts = to_vector(at::bincount(clean.modality_BL.masked_select(noised_BL), {}, K));

  const PositionTerms terms = weighed(position_terms(denoiser, {clean, noisy, schema, rows_M}, options), noisy, rows_M);
  const at::Tensor weighted_M =
      options.end_weight == 1 ? terms.loss_M : terms.loss_M * at_rows(end_weights_BL(clean, options.end_weight));
  const at::Tensor factors = factors_K(counts, vocabulary, options).to(weighted_M.device());
  DiffusionLoss result{sum_by_modality(weighted_M, modality_M, K).mul(factors).sum(), {}};

  const at::Tensor sums_K = sum_by_modality(terms.nats_M.detach(), modality_M, K).to(at::kCPU, at::kDouble);
  for (std::int64_t k = 0; k < K; ++k) {
    const std::int64_t count = counts[static_cast<std::size_t>(k)];
    if (count > 0) result.nats[vocabulary.space(k).modality] = sums_K[k].item<double>() / static_cast<double>(count);
  }
  return result;
}

}  // namespace palimpsest
