// Cross-entropy of rows of logits or of what logits are made from, and the picking of rows: what stands at the end of
// the backbone.
//
// Shapes: M rows, R ids, N rows picked from, D width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

// log-sum-exp of each row less the logit of its target (int64, in [0,R)): float32 [M].
at::Tensor cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M);

// The same by ATen's own operations.
at::Tensor plain_cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M);

// Cross-entropy of the logits features_MD head_RD^T, whose products are in the type of the features; head_RD is float32
// and gets a float32 gradient. Above `kept` numbers, logits exist for kRowsOfLogits rows at a time and are made
// twice, once for the loss and once for the gradient, which takes their place.
inline constexpr std::int64_t kKeptLogits = 32 << 20, kRowsOfLogits = 512;
at::Tensor linear_cross_entropy(const at::Tensor& features_MD, const at::Tensor& head_RD, const at::Tensor& targets_M,
                                std::int64_t kept = kKeptLogits);

// The same by ATen's own operations.
at::Tensor plain_linear_cross_entropy(const at::Tensor& features_MD, const at::Tensor& head_RD,
                                      const at::Tensor& targets_M);

// Rows of x, each named at most once: [N,D] -> [M,D]. The gradient is copied back, not added.
at::Tensor pick_rows(const at::Tensor& x_ND, const at::Tensor& rows_M);

}  // namespace palimpsest
