// Noise times of training: stratified, and a pure function of the sample.
//
// Shapes: B samples, K modalities.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/random.h"

namespace palimpsest {

// Times stratified over the sample's index in the global order, in blocks of `block` (the global batch): sample i of
// modality k gets t = (rank of i in a keyed permutation of its block + uniform)/block. A pure function of seed key and
// global index, whatever the micro-batch or worker. float64 [B,K] for the given global indices.
at::Tensor stratified_times_BK(RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block,
                               std::int64_t num_modalities);

}  // namespace palimpsest
