// What `end` means while a canvas is being written: elastic roles read "content, then end to the bound" at every step,
// and content is made of whole units (the ids from one of depth 0 to the next: all codebooks of a frame).
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include <vector>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// Forbids `end` (logit -inf, in place) at those of the flat positions that have content of their role to the right, or
// of their unit to the left.
at::Tensor forbid_end_inside_content(const CanvasSchema& schema, const TokenCanvas& canvas,
                                     const at::Tensor& position_M, const at::Tensor& logits_MV);

// Flat positions from the unit of the first `end` of an elastic role on that are not `end` yet and not frozen,
// ascending.
std::vector<std::int64_t> implied_ends(const CanvasSchema& schema, const TokenCanvas& canvas);

}  // namespace palimpsest
