// Who may look at whom, and the looking.
//
// Shapes: B rows, L positions, H query heads, G key and value heads, E head width.
#pragma once

#include <ATen/core/Tensor.h>

#include "backbone/kernels/rotate_heads.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest {

// bool, broadcast to [B,1,L,L], true where the query (third axis) may look at the key (last): visible, and of the same
// document. Undefined when everybody may look at everything: the fast path.
at::Tensor attention_mask(const TokenCanvas& canvas);

// Softmax attention at scale 1/sqrt(E); a query that may look at nothing gets zeros. [B,H,L,E] with L before H in
// memory.
at::Tensor attend(const Heads& heads, const at::Tensor& mask);

}  // namespace palimpsest
