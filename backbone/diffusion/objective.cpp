// Shapes: B rows, L positions, M masked positions, K modalities, D width of features.
#include "backbone/diffusion/objective.h"

#include "backbone/diffusion/cross_entropy.h"
#include "backbone/kernels/cross_entropy.h"

namespace palimpsest {

namespace {

// Elbo weight of every position at its modality's schedule, 0 where nothing is noised.
at::Tensor elbo_weights_BL(const NoisyCanvas& noisy, const Vocabulary& vocabulary, const DiffusionOptions& options) {
  at::Tensor weights_BL = at::zeros_like(noisy.t_BL);
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k) {
    const at::Tensor here_BL = noisy.canvas.modality_BL.eq(k).logical_and(noisy.masked_BL);
    weights_BL =
        at::where(here_BL, options.schedule_of(vocabulary.space(k).modality).elbo_weight(noisy.t_BL), weights_BL);
  }
  return weights_BL;
}

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

std::vector<std::int64_t> to_vector(const at::Tensor& counts) {
  const at::Tensor on_cpu = counts.to(at::kCPU, at::kLong).contiguous();
  return {on_cpu.data_ptr<std::int64_t>(), on_cpu.data_ptr<std::int64_t>() + on_cpu.numel()};
}

// Sum of values_M over each modality's positions: [K].
at::Tensor sum_by_modality(const at::Tensor& values_M, const at::Tensor& modality_M, std::int64_t num_modalities) {
  return at::zeros({num_modalities}, values_M.options()).index_add(0, modality_M, values_M);
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

at::Tensor legal_nll_M(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                       const CanvasSchema& schema, const at::Tensor& rows_M) {
  const Vocabulary& vocabulary = schema.vocabulary();
  const at::Tensor class_M = clean.legal_class_BL.flatten().index_select(0, rows_M);
  const auto [sorted_M, order_M] = at::sort(class_M, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const std::vector<std::int64_t> counts = to_vector(at::bincount(class_M, {}, vocabulary.num_classes()));
  const at::Tensor grouped_M = rows_M.index_select(0, order_M);
  const std::vector<at::Tensor> features = denoiser.features_MD(noisy, grouped_M).split_with_sizes(counts);
  const std::vector<at::Tensor> targets = clean.tokens_BL.flatten().index_select(0, grouped_M).split_with_sizes(counts);
  std::vector<at::Tensor> nll;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    const LegalClass& legal = vocabulary.legal_class(static_cast<std::int64_t>(c));
    const at::Tensor logits_MR = denoiser.logits_MR(features[c], legal_ranges(legal));
    nll.push_back(cross_entropy(logits_MR, local_targets_M(targets[c], legal)));
  }
  if (nll.empty()) return features.front().sum(-1).to(at::kFloat);  // no rows: empty, still part of the graph
  const at::Tensor grouped_nll_M = at::cat(nll);
  return at::zeros_like(grouped_nll_M).index_copy(0, order_M, grouped_nll_M);
}

DiffusionLoss diffusion_loss(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                             const CanvasSchema& schema, const DiffusionOptions& options) {
  const Vocabulary& vocabulary = schema.vocabulary();
  const std::int64_t K = vocabulary.num_modalities();
  const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
  const auto at_rows = [&rows_M](const at::Tensor& x_BL) { return x_BL.flatten().index_select(0, rows_M); };
  const at::Tensor modality_M = at_rows(clean.modality_BL);
  const at::Tensor noised_BL = noisy.t_BL.gt(0);
  const std::vector<std::int64_t> counts = to_vector(at::bincount(clean.modality_BL.masked_select(noised_BL), {}, K));

  const at::Tensor nelbo_M =
      legal_nll_M(denoiser, clean, noisy, schema, rows_M) * at_rows(elbo_weights_BL(noisy, vocabulary, options));
  const at::Tensor weighted_M =
      options.end_weight == 1 ? nelbo_M : nelbo_M * at_rows(end_weights_BL(clean, options.end_weight));
  const at::Tensor factors = factors_K(counts, vocabulary, options).to(nelbo_M.device());
  DiffusionLoss result{sum_by_modality(weighted_M, modality_M, K).mul(factors).sum(), {}};

  const at::Tensor sums_K = sum_by_modality(nelbo_M.detach(), modality_M, K).to(at::kCPU, at::kDouble);
  for (std::int64_t k = 0; k < K; ++k) {
    const std::int64_t count = counts[static_cast<std::size_t>(k)];
    if (count > 0) result.nats[vocabulary.space(k).modality] = sums_K[k].item<double>() / static_cast<double>(count);
  }
  return result;
}

}  // namespace palimpsest
