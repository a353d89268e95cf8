// Classifier-free guidance: u + w(c - u) on logits, with a weight that may change over time and by given role.
//
// Shapes: B rows, L positions, M masked positions, V vocabulary.
#pragma once

#include "pipelines/sampling/diffusion_model.h"
#include "pipelines/sampling/options.h"

namespace palimpsest {

// bool [B,L]: positions of roles that are given whole, in rows where anything is. They are what the unconditional
// branch hides; a role with a hole keeps its known part in both branches.
at::Tensor given_whole_BL(const CanvasSchema& schema, const TokenCanvas& canvas);

// Logits [M,V] at rows_M, float32 where they are mixed: the conditional c for w = 1 (or where nothing is given), the
// unconditional u for w = 0, else u + w(c - u), with u from the canvas whose hide_BL positions are masked and
// invisible. Ho and Salimans write w' = w - 1 (arXiv 2207.12598).
at::Tensor guided_logits_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                            const at::Tensor& hide_BL, double guidance);

// The weight at time t of a position being written. Linear 1 + (w-1)(1-t) (Muse, arXiv 2301.00704); cosine 1 +
// (w-1)(1-cos(pi(1-t)))/2 (MDTv2, arXiv 2303.14389); 1 outside the window (arXiv 2404.07724).
double guidance_at(const GuidanceOptions& options, double weight, double t);

// The guidance of a batch. Given roles with weights of their own are added one group after another, in the canvas's
// order, neighbours of one weight being one group: u + w_1 (c_1 - u) + w_2 (c_12 - c_1) + ... (InstructPix2Pix, arXiv
// 2211.09800). Equal weights are u + w(c - u), and weights of 1 no guidance. One network call a group, and one.
class Guidance {
 public:
  Guidance(const CanvasSchema& schema, const TokenCanvas& canvas, const SamplerOptions& options, c10::Device device);

  // Logits [M,V] at rows_M, float32 where they are mixed; t_M (CPU, float64) are the times of these positions.
  at::Tensor logits_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                       const at::Tensor& t_M) const;

 private:
  struct Group {
    double weight = 1;
    at::Tensor hide_BL;  // what this group and those after it give
    at::Tensor gives_B;  // bool: anything in the row
  };
  at::Tensor weights_M1(const Group& group, const at::Tensor& t_M, c10::Device device) const;
  at::Tensor unguided_M1(const std::vector<at::Tensor>& weights, const at::Tensor& row_M) const;
  at::Tensor chained_MV(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                        const at::Tensor& t_M) const;

  GuidanceOptions options_;
  std::vector<Group> groups_;
};

}  // namespace palimpsest
