// The inner loops of the kernels: plain C++ over rows, compiled for each instruction set and chosen when the
// program runs.
//
// Shapes: N rows (positions), D width, F hidden width, E head width, R = E/2 pairs, C ids.
#pragma once

#include <cstdint>

namespace palimpsest::loops {

// The upper half of a float32, as bfloat16 is stored.
struct Bf16 {
  std::uint16_t bits;
};

// Rows [begin, end) of arrays laid out row after row.
struct Rows {
  std::int64_t begin = 0, end = 0;
};

// Arrays of N are in the number type of the matrix products, float or Bf16; everything is computed in float.

// sum = x + delta (delta and sum may be null: then x itself); normed = sum * scale * weight with scale = 1/rms(sum).
template <class N>
struct NormForward {
  const float* x_ND;
  const N* delta_ND;
  const float* weight_D;
  float* sum_ND;
  N* normed_ND;
  float* scale_N;
  std::int64_t width;
  float epsilon;
};
void norm_forward(const NormForward<float>& arrays, Rows rows);
void norm_forward(const NormForward<Bf16>& arrays, Rows rows);

// grad_x = d(normed)/dx^T grad_normed + grad_sum (null: none), and the same as grad_delta (null: not wanted);
// grad_weight_D gets this range's share.
template <class N>
struct NormBackward {
  const float *x_ND, *weight_D, *scale_N;
  const N* grad_normed_ND;
  const float* grad_sum_ND;
  float* grad_x_ND;
  N* grad_delta_ND;
  float* grad_weight_D;
  std::int64_t width;
};
void norm_backward(const NormBackward<float>& arrays, Rows rows);
void norm_backward(const NormBackward<Bf16>& arrays, Rows rows);

// out = silu(gate) * up, and its gradient; gate and up side by side.
template <class N>
struct SwigluArrays {
  const N* gate_up_N2F;
  const N* grad_out_NF;  // backward only
  N* out;                // forward [N,F]; backward [N,2F]
  std::int64_t width;    // F
};
void swiglu_forward(const SwigluArrays<float>& arrays, Rows rows);
void swiglu_forward(const SwigluArrays<Bf16>& arrays, Rows rows);
void swiglu_backward(const SwigluArrays<float>& arrays, Rows rows);
void swiglu_backward(const SwigluArrays<Bf16>& arrays, Rows rows);

// Heads of a projection, normalised (weight_E not null) and rotated, in the same number type.
template <class N>
struct RotateForward {
  const N* in;  // head h of row n begins at in + n * in_stride + h * width
  const float *cos_NR, *sin_NR, *weight_E;
  N* out;  // head h of row n begins at out + n * out_stride + h * width
  std::int64_t in_stride, out_stride, heads, width;
  float epsilon;
};
void rotate_forward(const RotateForward<float>& arrays, Rows rows);
void rotate_forward(const RotateForward<Bf16>& arrays, Rows rows);

// The widest head that the backward loop takes.
inline constexpr std::int64_t kWidestHead = 512;
template <class N, class Gradient = float>
struct RotateBackward {
  const N* in;
  const float *cos_NR, *sin_NR, *weight_E;
  const Gradient* grad_out;  // laid out as `out` was
  N* grad_in;                // laid out as `in`
  float* grad_weight_E;      // with weight_E: this range's share is added
  std::int64_t in_stride, out_stride, heads, width;
  float epsilon;
};
void rotate_backward(const RotateBackward<float>& arrays, Rows rows);
void rotate_backward(const RotateBackward<Bf16>& arrays, Rows rows);

// Cross-entropy of rows of logits: nll = log-sum-exp - logit of the target; its gradient is (softmax - one-hot) *
// grad_nll.
template <class N>
struct CrossEntropyForward {
  const N* logits_NC;
  const std::int64_t* target_N;
  float *log_sum_exp_N, *nll_N;
  std::int64_t width;  // C
};
void cross_entropy_forward(const CrossEntropyForward<float>& arrays, Rows rows);
void cross_entropy_forward(const CrossEntropyForward<Bf16>& arrays, Rows rows);

template <class N>
struct CrossEntropyBackward {
  const N* logits_NC;
  const std::int64_t* target_N;
  const float *log_sum_exp_N, *grad_nll_N;
  N* grad_logits_NC;  // may be the logits' own place
  std::int64_t width;
};
void cross_entropy_backward(const CrossEntropyBackward<float>& arrays, Rows rows);
void cross_entropy_backward(const CrossEntropyBackward<Bf16>& arrays, Rows rows);

}  // namespace palimpsest::loops
