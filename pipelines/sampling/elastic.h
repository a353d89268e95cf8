// What `end` means while a canvas is being written: elastic roles read "content, then end to the bound" at every step,
// and content is made of whole units (the ids from one of depth 0 to the next: all codebooks of a frame).
//
// Shapes: B rows, L positions.
#pragma once

#include <vector>

#include "modalities/canvas/canvas.h"

namespace palimpsest {

// bool [B*L]: where `end` may not stand, for there is content of the role to the right, or of the unit to the left.
at::Tensor inside_content(const CanvasSchema& schema, const TokenCanvas& canvas);

// Flat positions from the unit of the first `end` of an elastic role on that are not `end` yet and not frozen,
// ascending.
std::vector<std::int64_t> implied_ends(const CanvasSchema& schema, const TokenCanvas& canvas);

}  // namespace palimpsest
