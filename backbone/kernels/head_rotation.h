// The heads of queries, or of keys, inside a projection: normed (arXiv 2302.05442) and rotated, and the way back.
//
// Shapes: N positions, P numbers of a projected position, H heads of the group, E head width, R = E/2 pairs.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

// All tensors contiguous; cos, sin and weight in float32, projected in a type that the loops take.
struct HeadGroup {
  std::int64_t first, heads, width;  // first: element of a projected position where the group begins
  const at::Tensor& projected_NP;
  const at::Tensor &cos_NR, &sin_NR, &weight_E;  // weight undefined: no norm
};

// [N,H,E] in the type of the projection.
at::Tensor rotated_heads(const HeadGroup& group);

// Writes the group's part of grad_projected; gives the gradient of the norm's weight (undefined without one).
at::Tensor rotated_heads_backward(const HeadGroup& group, const at::Tensor& grad_NHE,
                                  const at::Tensor& grad_projected_NP);

// The last heads of each position, where values are: a view [N,heads,E].
at::Tensor value_heads(const at::Tensor& projected_NP, std::int64_t heads, std::int64_t width);

}  // namespace palimpsest
