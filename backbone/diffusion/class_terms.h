// Predictions grouped by legality class, so that a class's head product covers its own ids only.
//
// Shapes: M positions, R ids legal in a class.
#pragma once

#include <functional>

#include "backbone/denoiser.h"

namespace palimpsest {

// Whole numbers of a tensor on any device.
std::vector<std::int64_t> to_vector(const at::Tensor& counts);

// Flat positions of a noisy canvas that are to be predicted.
struct Prediction {
  const TokenCanvas& clean;
  const NoisyCanvas& noisy;
  const CanvasSchema& schema;
  at::Tensor rows_M;
};

// Those of one class.
struct ClassRows {
  const LegalClass& legal;
  at::Tensor clean_M;  // the clean ids, as indices among the legal ones
  at::Tensor index_M;  // which of Prediction::rows_M they are
};

// Logits over the legal ids, or the features before them -> float32 [M] or [M,.], the same in every class.
using ClassTerm = std::function<at::Tensor(const at::Tensor& values, const ClassRows& rows)>;

// The terms of all classes from their logits_MR, in the order of rows_M. Without rows it is empty [0], still part of
// the graph.
at::Tensor terms_by_class(Denoiser& denoiser, const Prediction& prediction, const ClassTerm& term);
// The same from their features_MD.
at::Tensor feature_terms_by_class(Denoiser& denoiser, const Prediction& prediction, const ClassTerm& term);

// -log p of the clean id at the flat positions rows_M over the ids legal there: float32 [M], in the order of rows_M.
at::Tensor legal_nll_M(Denoiser& denoiser, const TokenCanvas& clean, const NoisyCanvas& noisy,
                       const CanvasSchema& schema, const at::Tensor& rows_M);

}  // namespace palimpsest
