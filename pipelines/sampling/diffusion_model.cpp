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

TokenCanvas pad_rows(const TokenCanvas& canvas, std::int64_t padded) {
  const std::int64_t rows = canvas.rows();
  if (rows == padded) return canvas;
  TORCH_CHECK(rows > 0 && rows < padded, "pad_rows: needs 1 to ", padded, " rows, got ", rows);
  const at::Tensor index = at::cat({at::arange(rows, at::kLong), at::zeros({padded - rows}, at::kLong)});
  TokenCanvas result = canvas;
  for (at::Tensor TokenCanvas::*field : {&TokenCanvas::tokens_BL, &TokenCanvas::frozen_BL, &TokenCanvas::visible_BL,
                                         &TokenCanvas::document_BL, &TokenCanvas::role_BL, &TokenCanvas::modality_BL,
                                         &TokenCanvas::legal_class_BL, &TokenCanvas::coordinates_BLA}) {
    result.*field = (canvas.*field).index_select(0, index);
  }
  for (std::int64_t row = rows; row < padded; ++row) {
    for (Span span : canvas.spans) {
      if (span.row != 0) continue;
      span.row = row;
      result.spans.push_back(span);
    }
  }
  return result;
}

}  // namespace palimpsest
