#include "backbone/transformer/attention.h"

#include <limits>

namespace palimpsest {

at::Tensor attention_mask(const TokenCanvas& canvas) {
  if (canvas.one_document_a_row && canvas.visible_BL.all().item<bool>()) return {};
  at::Tensor allowed = canvas.visible_BL.unsqueeze(1).unsqueeze(1);
  if (!canvas.one_document_a_row) {
    allowed = allowed.logical_and(canvas.document_BL.unsqueeze(2).eq(canvas.document_BL.unsqueeze(1)).unsqueeze(1));
  }
  const at::Tensor mask = at::zeros(allowed.sizes(), allowed.options().dtype(at::kFloat))
                              .masked_fill(allowed.logical_not(), -std::numeric_limits<float>::infinity());
  return mask.expand({canvas.rows(), 1, canvas.length(), canvas.length()});
}

}  // namespace palimpsest
