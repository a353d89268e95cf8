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

// What the network makes of some rows in each branch of guidance, before its head.
struct GuidedFeatures {
  std::vector<at::Tensor> branches_MD;  // each gives more than the one before it; one alone is taken as it is
  std::vector<at::Tensor> weights_M1;   // float32: of the way from each branch to the next; none: `weight`
  double weight = 1;
  at::Tensor unguided_M1;  // bool: rows that take the last branch as it is, bit for bit; undefined: none

  // Logits of rows [begin, begin + count) over the head's ids, float32 where they are mixed.
  at::Tensor logits_MR(const LogitsHead& head, std::int64_t begin, std::int64_t count) const;
};

// The weight at time t of a position being written. Linear 1 + (w-1)(1-t) (Muse, arXiv 2301.00704); cosine 1 +
// (w-1)(1-cos(pi(1-t)))/2 (MDTv2, arXiv 2303.14389); 1 outside the window (arXiv 2404.07724).
double guidance_at(const GuidanceOptions& options, double weight, double t);

// The guidance of a batch: u + w(c - u), with the unconditional u from the canvas whose given roles are masked and
// invisible; w = 1 is the conditional c, w = 0 is u. Ho and Salimans write w' = w - 1 (arXiv 2207.12598). Given roles
// with weights of their own are added one group after another, in the canvas's order, neighbours of one weight being
// one group: u + w_1 (c_1 - u) + w_2 (c_12 - c_1) + ... (InstructPix2Pix, arXiv 2211.09800). Equal weights are u + w(c
// - u), and weights of 1 no guidance. One network call a group, and one.
class Guidance {
 public:
  Guidance(const CanvasSchema& schema, const TokenCanvas& canvas, const SamplerOptions& options, c10::Device device);

  // At the flat positions rows_M (CPU); t_M (CPU, float64) are their times.
  GuidedFeatures features_M(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                            const at::Tensor& t_M) const;

  // Guided logits over the whole vocabulary: the plain twin of LegalHead.
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
  GuidedFeatures chained_M(const DiffusionModel& model, const NoisyCanvas& noisy, const at::Tensor& rows_M,
                           const at::Tensor& t_M) const;

  GuidanceOptions options_;
  std::vector<Group> groups_;
};

}  // namespace palimpsest
