#include "backbone/denoiser.h"

namespace palimpsest {

NoisyCanvas NoisyCanvas::to(c10::Device device) const {
  return {canvas.to(device), t_BL.to(device), masked_BL.to(device),
          weight_BL.defined() ? weight_BL.to(device) : at::Tensor()};
}

at::Tensor Denoiser::features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  return logits_MV(noisy, rows_M);
}

at::Tensor Denoiser::logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) {
  return select_ranges(features_MD, ranges, 1);
}

LogitsHead Denoiser::head(const std::vector<IdRange>& ranges) {
  return [this, ranges](const at::Tensor& features_MD) { return logits_MR(features_MD, ranges); };
}

at::Tensor Denoiser::head_RD(const std::vector<IdRange>&) { return {}; }

at::Tensor Denoiser::logits_BLV(const NoisyCanvas& noisy) {
  const std::int64_t B = noisy.canvas.rows(), L = noisy.canvas.length();
  const at::Tensor rows_M = at::arange(B * L, noisy.canvas.tokens_BL.options());
  return logits_MV(noisy, rows_M).view({B, L, vocabulary_size()});
}

at::Tensor select_ranges(const at::Tensor& values, const std::vector<IdRange>& ranges, std::int64_t dim) {
  std::vector<at::Tensor> parts;
  for (const IdRange& range : ranges) parts.push_back(values.slice(dim, range.begin, range.end));
  return parts.size() == 1 ? parts.front() : at::cat(parts, dim);
}

}  // namespace palimpsest
