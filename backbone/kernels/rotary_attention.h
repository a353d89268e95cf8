// Attention from one product of queries, keys and values: heads apart, queries and keys normalised and rotated, mixed.
//
// Shapes: B rows, L positions, H query heads, G key and value heads, E head width, P = (H + 2G) E.
#pragma once

#include <ATen/core/Tensor.h>

#include "backbone/kernels/sight.h"

namespace palimpsest {

// The angle of each position's pairs: element i of a head turns with element i + E/2 (arXiv 2104.09864).
struct Rotation {
  at::Tensor cos_BLR, sin_BLR;  // float32, R = E/2
};

struct AttentionInputs {
  std::int64_t heads = 1, key_value_heads = 1;
  at::Tensor query_norm_E, key_norm_E;  // RMS-norm weights before the rotation; undefined: none
  Rotation rotation;
  Sight sight;
};

// Softmax attention at scale 1/sqrt(E); a query that may look at nothing gets zeros. projected_BLP holds H query, G key
// and G value heads side by side. Norm, rotation and softmax in float32; the result [B,L,H E] in the dtype of
// projected_BLP. A document costs the square of its own length, whatever else its row holds, and its result does not
// depend on what that is: on the CPU in bfloat16 (products of our own, attention_loops.h) and in float32, on a GPU in
// bfloat16 (packed_attention.h).
at::Tensor rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs);

// The same by ATen's own operations.
at::Tensor plain_rotary_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs);

}  // namespace palimpsest
