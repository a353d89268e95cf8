// The inner loops of the kernels: plain C++ over float rows, compiled for each instruction set and chosen when the
// program runs.
//
// Shapes: N rows (positions), D width, F hidden width, E head width, R = E/2 pairs, C ids.
#pragma once

#include <cstdint>

namespace palimpsest::loops {

// Rows [begin, end) of arrays laid out row after row.
struct Rows {
  std::int64_t begin = 0, end = 0;
};

// sum = x + delta (delta and sum may be null: then x itself); normed = sum * scale * weight with scale = 1/rms(sum).
struct NormForward {
  const float *x_ND, *delta_ND, *weight_D;
  float *sum_ND, *normed_ND, *scale_N;
  std::int64_t width;
  float epsilon;
};
void norm_forward(const NormForward& arrays, Rows rows);

// grad_x = d(normed)/dx^T grad_normed + grad_sum (null: none); grad_weight_D gets this range's share.
struct NormBackward {
  const float *x_ND, *weight_D, *scale_N, *grad_normed_ND, *grad_sum_ND;
  float *grad_x_ND, *grad_weight_D;
  std::int64_t width;
};
void norm_backward(const NormBackward& arrays, Rows rows);

// out = silu(gate) * up, and its gradient; gate and up side by side.
struct SwigluArrays {
  const float* gate_up_N2F;
  const float* grad_out_NF;  // backward only
  float* out;                // forward [N,F]; backward [N,2F]
  std::int64_t width;        // F
};
void swiglu_forward(const SwigluArrays& arrays, Rows rows);
void swiglu_backward(const SwigluArrays& arrays, Rows rows);

// Heads of a projection, normalised (weight_E not null) and rotated, written side by side.
struct RotateArrays {
  const float* in;  // head h of row n begins at in + n * in_stride + h * width
  const float *cos_NR, *sin_NR, *weight_E;
  const float* grad_out_NHE;  // backward only
  float* out;                 // forward [N,H,E]; backward: as `in` is laid out
  float* grad_weight_E;       // backward with weight_E: this range's share
  std::int64_t in_stride, heads, width;
  float epsilon;
};
void rotate_forward(const RotateArrays& arrays, Rows rows);
void rotate_backward(const RotateArrays& arrays, Rows rows);

// Cross-entropy of rows of logits: nll = log-sum-exp - logit of the target; its gradient is (softmax - one-hot) *
// grad_nll.
struct CrossEntropyArrays {
  const float* logits_NC;
  const std::int64_t* target_N;
  const float* grad_nll_N;  // backward only
  float* log_sum_exp_N;     // written forward, read backward
  float* out;               // forward: nll [N]; backward: [N,C]
  std::int64_t width;       // C
};
void cross_entropy_forward(const CrossEntropyArrays& arrays, Rows rows);
void cross_entropy_backward(const CrossEntropyArrays& arrays, Rows rows);

}  // namespace palimpsest::loops
