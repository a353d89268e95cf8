// Who may look at whom.
//
// Shapes: B rows, L positions.
#pragma once

#include <ATen/core/Tensor.h>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// What is added to a query's score (third axis) of a key (last): 0 where the key is visible and of the same document,
// else -infinity. float32 [B,1,L,L], or a view of as much. Undefined when everybody may look at everything: the fast
// path.
at::Tensor attention_mask(const TokenCanvas& canvas);

}  // namespace palimpsest
