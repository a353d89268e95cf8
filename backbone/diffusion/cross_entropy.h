// Cross-entropy over the ids that are legal at a position.
//
// Shapes: M positions, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "modalities/canvas/vocabulary.h"

namespace palimpsest {

// The ids of a legality class: `end` first when it is legal, then the class's range.
std::vector<IdRange> legal_ranges(const LegalClass& legal);

// Where joint ids stand among legal_ranges laid side by side; c10::Error for an id that is not legal.
at::Tensor local_targets_M(const at::Tensor& targets_M, const LegalClass& legal);

// log p of the clean id over the legal ids of each position's class, float32 [M]; illegal ids take no part in the
// log-sum-exp. With gradient.
at::Tensor legal_log_prob_M(const at::Tensor& logits_MV, const at::Tensor& targets_M, const at::Tensor& legal_class_M,
                            const Vocabulary& vocabulary);

// Legal log-probabilities of every id: float32 [M,V], -inf where illegal. With gradient.
at::Tensor legal_log_softmax_MV(const at::Tensor& logits_MV, const at::Tensor& legal_class_M,
                                const Vocabulary& vocabulary);

}  // namespace palimpsest
