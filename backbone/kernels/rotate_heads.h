// Queries, keys and values from one product: heads apart, queries and keys normalised and rotated.
//
// Shapes: B rows, L positions, H query heads, G key and value heads, E head width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

// The angle of each position's pairs: element i of a head turns with element i + E/2.
struct Rotation {
  at::Tensor cos_BLR, sin_BLR;  // float32, R = E/2
};

// What queries, keys and values become on the way to attention.
struct HeadOptions {
  std::int64_t heads = 1, key_value_heads = 1;
  at::Tensor query_norm_E, key_norm_E;  // RMS-norm weights before the rotation; undefined: none
};

struct Heads {
  at::Tensor query_BHLE, key_BGLE, value_BGLE;
};

// projected_BLP holds H query, G key and G value heads side by side. Norm and rotation in float32; results in its
// dtype.
Heads rotate_heads(const at::Tensor& projected_BLP, const Rotation& rotation, const HeadOptions& options);

// The same by ATen's own operations.
Heads plain_rotate_heads(const at::Tensor& projected_BLP, const Rotation& rotation, const HeadOptions& options);

}  // namespace palimpsest
