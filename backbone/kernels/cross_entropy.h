// Cross-entropy of rows of logits, and the picking of rows: what stands at the end of the backbone.
//
// Shapes: M rows, R ids, N rows picked from, D width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

// log-sum-exp of each row less the logit of its target (int64, in [0,R)): float32 [M].
at::Tensor cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M);

// The same by ATen's own operations.
at::Tensor plain_cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M);

// Rows of x, each named at most once: [N,D] -> [M,D]. The gradient is copied back, not added.
at::Tensor pick_rows(const at::Tensor& x_ND, const at::Tensor& rows_M);

}  // namespace palimpsest
