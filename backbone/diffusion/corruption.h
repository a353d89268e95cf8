// What training does to a canvas.
#pragma once

#include <vector>

#include "backbone/denoiser.h"
#include "backbone/diffusion/diffusion_options.h"
#include "base/random.h"

namespace palimpsest {

// Where a batch's draws come from: document d (in row, then document order) draws from key and global_indices[d] alone;
// its times are stratified in blocks of `block` samples, the global batch.
struct NoiseSource {
  RandomKey key;
  std::vector<std::int64_t> global_indices;
  std::int64_t block = 1;
  at::Tensor objects_BL = {};  // int64, which object of the document a position is part of, 0 for none; undefined where
                               // the data has no boxes
};

// Picks given roles (conditional, hide_given), draws times and patterns, masks or swaps ids. Each position's draw
// belongs to its document, role and place in the role, so that a document gets the same noise alone, in any batch and
// packed (patterns of stretches see how long a packed role is). Frozen, given, hidden, absent and padding positions
// have t = 0 and are never noised; hidden and absent roles are invisible. With complementary masks, global indices 2j
// and 2j+1 are the twins of sample j (DiffusionOptions::sample_of), and blocks are even. Works on the CPU, returns on
// the canvas's device.
NoisyCanvas corrupt(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options,
                    const NoiseSource& source);
NoisyCanvas corrupt(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options,
                    RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block);

}  // namespace palimpsest
