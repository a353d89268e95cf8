// What `end` means while a canvas is being written: elastic roles read "content, then end to the bound" at every step.
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include <vector>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// Forbids `end` (logit -inf) at those of the flat positions that have content of their role written or given to the
// right of them.
at::Tensor forbid_end_before_content(const CanvasSchema& schema, const TokenCanvas& canvas,
                                     const at::Tensor& position_M, const at::Tensor& logits_MV);

// Flat positions right of the first `end` of an elastic role that are not `end` yet and not frozen, ascending.
std::vector<std::int64_t> implied_ends(const CanvasSchema& schema, const TokenCanvas& canvas);

}  // namespace palimpsest
