// Batch: the rows of one run of the sampler while they are written, padded to the model's rows.
//
// Shapes: B rows, L positions, R roles, M masked positions, W written positions.
#pragma once

#include <span>

#include "pipelines/sampling/diffusion_model.h"
#include "pipelines/sampling/guidance.h"
#include "pipelines/sampling/pace.h"
#include "pipelines/sampling/policy.h"

namespace palimpsest {

struct Batch {
  CanvasSchema schema;              // of the rows
  TokenCanvas canvas;               // on the CPU, tokens owned and written in place
  TokenCanvas device_canvas;        // the same where the denoiser is; tokens renewed each step
  std::int64_t real_rows = 0;       // the others are padding
  std::span<const RandomKey> keys;  // one a real row
  std::vector<double> log_prob;     // flat: of the ids when they were written
  at::Tensor space;                 // memory of the steps' log-probabilities
};

Batch make_batch(const DiffusionModel& model, const TokenCanvas& rows, std::span<const RandomKey> keys);

// The schema restricted to the roles that the canvas holds.
CanvasSchema schema_of(const CanvasSchema& schema, const TokenCanvas& canvas);

// Where a write may be: inside a real row, visible, not given.
bool may_touch(const Batch& batch, std::int64_t flat);

// Positions that hold the mask and may be written: bool.
at::Tensor open_mask_BL(const TokenCanvas& canvas);

// Flat positions of real rows that are open, ascending.
at::Tensor open_positions(const Batch& batch);

// Of the flat positions those within what its role's step may write.
at::Tensor within_steps(const Batch& batch, const std::vector<RoleStep>& pace, const at::Tensor& position_N);

// What was written and may be taken back in this step. Of the `end`s of a role only the first.
WrittenView written_view(const Batch& batch, const std::vector<RoleStep>& pace);

// What the network sees: a role's time wherever it is being made, 0 where it is given or hidden.
NoisyCanvas noisy_view(const Batch& batch, const std::vector<RoleStep>& pace);

// The times that the network is told at the flat positions: float64, CPU.
at::Tensor told_times(const Batch& batch, const std::vector<RoleStep>& pace, const at::Tensor& position_N);

}  // namespace palimpsest
