// Tensors as the loops, and the kernels of a GPU, see them.
//
// Shapes: N rows (positions), D width, F hidden width, P numbers of a projected position, H heads, E head width.
#pragma once

#include "backbone/kernels/operations.h"
#include "backbone/kernels/rms_norm.h"

namespace palimpsest {

inline std::int64_t rows_of(const at::Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }
inline at::Tensor or_undefined(const MaybeTensor& x) { return x.value_or(at::Tensor()); }

// x, sum, scale in float32; delta and normed of N.
struct NormForwardTensors {
  const at::Tensor& x_ND;
  const MaybeTensor& delta_ND;
  const at::Tensor& weight_D;
  const MaybeTensor& sum_ND;
  const at::Tensor &normed_ND, &scale_N;

  template <class N>
  loops::NormForward<N> arrays() const {
    return {numbers<float>(x_ND),
            numbers<N>(or_undefined(delta_ND)),
            numbers<float>(weight_D),
            mutable_numbers<float>(or_undefined(sum_ND)),
            mutable_numbers<N>(normed_ND),
            mutable_numbers<float>(scale_N),
            x_ND.size(-1),
            static_cast<float>(kNormEpsilon)};
  }
};

struct NormBackwardTensors {
  const at::Tensor &x_ND, &weight_D, &scale_N, &grad_normed_ND;
  const MaybeTensor& grad_sum_ND;
  const at::Tensor& grad_x_ND;
  const MaybeTensor& grad_delta_ND;
  const at::Tensor& grad_weights;  // [chunks,D]

  template <class N>
  loops::NormBackward<N> arrays() const {
    return {numbers<float>(x_ND),
            numbers<float>(weight_D),
            numbers<float>(scale_N),
            numbers<N>(grad_normed_ND),
            numbers<float>(or_undefined(grad_sum_ND)),
            mutable_numbers<float>(grad_x_ND),
            mutable_numbers<N>(or_undefined(grad_delta_ND)),
            mutable_numbers<float>(grad_weights),
            x_ND.size(-1)};
  }
};

// The result forward, the gradient of gate and up backward.
template <class N>
loops::SwigluArrays<N> swiglu_arrays(const at::Tensor& gate_up_N2F, const at::Tensor& grad_out_NF,
                                     const at::Tensor& out) {
  return {numbers<N>(gate_up_N2F), numbers<N>(grad_out_NF), mutable_numbers<N>(out), gate_up_N2F.size(-1) / 2};
}

struct RotateForwardTensors {
  const at::Tensor& projected_NP;
  std::int64_t first;
  const at::Tensor &cos_NR, &sin_NR;
  const MaybeTensor& weight_E;
  const at::Tensor& out_NHE;

  template <class N>
  loops::RotateForward<N> arrays() const {
    const std::int64_t H = out_NHE.size(1), E = out_NHE.size(2);
    return {numbers<N>(projected_NP) + first,
            numbers<float>(cos_NR),
            numbers<float>(sin_NR),
            numbers<float>(or_undefined(weight_E)),
            mutable_numbers<N>(out_NHE),
            projected_NP.size(1),
            H * E,
            H,
            E,
            static_cast<float>(kNormEpsilon)};
  }
};

struct RotateBackwardTensors {
  const at::Tensor& projected_NP;
  std::int64_t first;
  const at::Tensor &cos_NR, &sin_NR;
  const MaybeTensor& weight_E;
  const at::Tensor &grad_NHE, &grad_projected_NP;
  const MaybeTensor& grad_weights;  // [chunks,E]

  template <class N, class Gradient>
  loops::RotateBackward<N, Gradient> arrays() const {
    const std::int64_t H = grad_NHE.size(1), E = grad_NHE.size(2);
    return {numbers<N>(projected_NP) + first,
            numbers<float>(cos_NR),
            numbers<float>(sin_NR),
            numbers<float>(or_undefined(weight_E)),
            numbers<Gradient>(grad_NHE),
            mutable_numbers<N>(grad_projected_NP) + first,
            mutable_numbers<float>(or_undefined(grad_weights)),
            projected_NP.size(1),
            H * E,
            H,
            E,
            static_cast<float>(kNormEpsilon)};
  }
};

}  // namespace palimpsest
