// Digits: an id that numbers a point of a quantizer's grid, written in the grid's levels.
//
// Shapes: V vocabulary, K digits.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "modalities/canvas/vocabulary.h"

namespace palimpsest {

// float32 [V,K]: one where id v has digit k. Levels by modality, least significant first; each sub-range has digits of
// its own. Ids without digits have rows of zeros. InputError: unknown modality, or levels that do not multiply to a
// sub-range's size.
at::Tensor digit_marks_VK(const Vocabulary& vocabulary, const std::map<std::string, std::vector<std::int64_t>>& levels);

}  // namespace palimpsest
