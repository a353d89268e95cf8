#include "pipelines/sampling/diffusion_model.h"

#include <ATen/core/grad_mode.h>

namespace palimpsest {

at::Tensor padded_rows(const at::Tensor& rows_M) {
  const std::int64_t count = rows_M.numel();
  TORCH_CHECK(count > 0, "padded_rows: needs at least one position");
  const std::int64_t missing = (kRowQuantum - count % kRowQuantum) % kRowQuantum;
  return at::cat({rows_M, rows_M.narrow(0, 0, 1).expand({missing})});
}

at::Tensor features_at(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  const at::NoGradGuard no_grad;
  return model.denoiser->features_MD(noisy, rows_M.to(model.device));
}

TokenCanvas pick_rows(const TokenCanvas& canvas, const at::Tensor& index_N) {
  TokenCanvas result = canvas;
  for (at::Tensor TokenCanvas::*field : {&TokenCanvas::tokens_BL, &TokenCanvas::frozen_BL, &TokenCanvas::visible_BL,
                                         &TokenCanvas::document_BL, &TokenCanvas::role_BL, &TokenCanvas::modality_BL,
                                         &TokenCanvas::legal_class_BL, &TokenCanvas::coordinates_BLA}) {
    result.*field = (canvas.*field).index_select(0, index_N);
  }
  std::vector<std::vector<Span>> spans_of(static_cast<std::size_t>(canvas.rows()));
  for (const Span& span : canvas.spans) spans_of[static_cast<std::size_t>(span.row)].push_back(span);
  result.spans.clear();
  for (std::int64_t row = 0; row < index_N.numel(); ++row) {
    for (Span span : spans_of[static_cast<std::size_t>(index_N[row].item<std::int64_t>())]) {
      span.row = row;
      result.spans.push_back(span);
    }
  }
  return result;
}

TokenCanvas pad_rows(const TokenCanvas& canvas, std::int64_t padded) {
  const std::int64_t rows = canvas.rows();
  if (rows == padded) return canvas;
  TORCH_CHECK(rows > 0 && rows < padded, "pad_rows: needs 1 to ", padded, " rows, got ", rows);
  return pick_rows(canvas, at::cat({at::arange(rows, at::kLong), at::zeros({padded - rows}, at::kLong)}));
}

}  // namespace palimpsest
