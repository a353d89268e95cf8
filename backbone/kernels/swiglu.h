// SwiGLU: silu(gate) * up (arXiv 2002.05202).
//
// Shapes: N rows, F hidden width.
#pragma once

#include <ATen/core/Tensor.h>

namespace palimpsest {

// The first half of the last axis is the gate, the second what passes it: [N,2F] -> [N,F], same dtype.
at::Tensor swiglu(const at::Tensor& gate_up_N2F);

// The same by ATen's own operations.
at::Tensor plain_swiglu(const at::Tensor& gate_up_N2F);

}  // namespace palimpsest
