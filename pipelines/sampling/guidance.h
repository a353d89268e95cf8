// Classifier-free guidance: u + w(c - u) on logits.
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include "pipelines/sampling/diffusion_model.h"

namespace palimpsest {

// bool [B,L]: positions of roles that are given whole, in rows where anything is. They are what the unconditional
// branch hides; a role with a hole keeps its known part in both branches.
at::Tensor given_whole_BL(const CanvasSchema& schema, const TokenCanvas& canvas);

// Logits float32 [M,V] at rows_M: the conditional c for w = 1 (or where nothing is given), the unconditional u for w =
// 0, else u + w(c - u), with u from the canvas whose hide_BL positions are masked and invisible. Ho and Salimans write
// w' = w - 1 (arXiv 2207.12598).
at::Tensor guided_logits_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                            const at::Tensor& hide_BL, double guidance);

}  // namespace palimpsest
