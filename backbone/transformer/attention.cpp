#include "backbone/transformer/attention.h"

namespace palimpsest {

at::Tensor attention_mask(const TokenCanvas& canvas) {
  const at::Tensor visible_B11L = canvas.visible_BL.unsqueeze(1).unsqueeze(1);
  if (!canvas.one_document_a_row) {
    const at::Tensor same_B1LL = canvas.document_BL.unsqueeze(2).eq(canvas.document_BL.unsqueeze(1)).unsqueeze(1);
    return same_B1LL.logical_and(visible_B11L);
  }
  return canvas.visible_BL.all().item<bool>() ? at::Tensor() : visible_B11L;
}

at::Tensor attend(const Heads& heads, const at::Tensor& mask) {
  std::optional<at::Tensor> full_mask;
  if (mask.defined()) {
    const at::Tensor& query = heads.query_BHLE;
    full_mask = mask.expand({query.size(0), 1, query.size(2), query.size(2)});
  }
  const bool grouped = heads.query_BHLE.size(1) != heads.key_BGLE.size(1);
  return at::scaled_dot_product_attention(heads.query_BHLE, heads.key_BGLE, heads.value_BGLE, full_mask,
                                          /*dropout_p=*/0.0,
                                          /*is_causal=*/false, /*scale=*/std::nullopt, /*enable_gqa=*/grouped);
}

}  // namespace palimpsest
