// The operations of a GPU (operations.h) by its kernels. A launch is called with a kernel and runs it.
#pragma once

#include <array>

#include "backbone/kernels/adamw.h"
#include "backbone/kernels/device_kernels.h"
#include "backbone/kernels/row_arrays.h"

namespace palimpsest::device {

template <class Launch>
void norm_forward(const Launch& launch, const NormForwardTensors& tensors) {
  with_number(tensors.normed_ND.scalar_type(), [&]<class N>(N) {
    launch(NormForward<N>{tensors.arrays<N>(), rows_of(tensors.x_ND)});
  });
}

template <class Launch>
void norm_backward(const Launch& launch, const NormBackwardTensors& tensors) {
  with_number(tensors.grad_normed_ND.scalar_type(), [&]<class N>(N) {
    launch(NormBackward<N>{tensors.arrays<N>(), rows_of(tensors.x_ND)});
  });
}

template <class Launch>
void swiglu_forward(const Launch& launch, const at::Tensor& gate_up_N2F, const at::Tensor& out_NF) {
  with_number(gate_up_N2F.scalar_type(), [&]<class N>(N) {
    launch(SwigluForward<N>{swiglu_arrays<N>(gate_up_N2F, {}, out_NF), rows_of(gate_up_N2F)});
  });
}

template <class Launch>
void swiglu_backward(const Launch& launch, const at::Tensor& gate_up_N2F, const at::Tensor& grad_out_NF,
                     const at::Tensor& grad_N2F) {
  with_number(gate_up_N2F.scalar_type(), [&]<class N>(N) {
    launch(SwigluBackward<N>{swiglu_arrays<N>(gate_up_N2F, grad_out_NF, grad_N2F), rows_of(gate_up_N2F)});
  });
}

template <class Launch>
void rotate_forward(const Launch& launch, const RotateForwardTensors& tensors) {
  with_number(tensors.out_NHE.scalar_type(), [&]<class N>(N) {
    launch(RotateForward<N>{tensors.arrays<N>(), tensors.projected_NP.size(0)});
  });
}

// The gradient of the heads in the type of the projection.
template <class Launch>
void rotate_backward(const Launch& launch, const RotateBackwardTensors& tensors) {
  with_number(tensors.grad_projected_NP.scalar_type(), [&]<class N>(N) {
    launch(RotateBackward<N>{tensors.arrays<N, N>(), tensors.projected_NP.size(0)});
  });
}

// Rates through an operation, which takes no structure.
inline std::array<double, 7> numbers_of(const AdamWRates& rates) {
  return {rates.learning_rate, rates.beta1,          rates.beta2,        rates.epsilon,
          rates.weight_decay,  rates.gradient_scale, rates.average_share};
}
inline AdamWRates rates_of(at::ArrayRef<double> numbers) {
  return {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]};
}

// Steps that count this update already. Without gradients the averages alone move.
template <class Launch>
void adamw(const Launch& launch, const std::vector<AdamWTensors>& parameters, const AdamWRates& rates) {
  const auto floats = [](const at::Tensor& x) { return mutable_numbers<float>(x); };
  for (std::size_t first = 0; first < parameters.size(); first += AdamW::kMost) {
    AdamW kernel{{}, rates};
    std::int64_t greatest = 0;
    for (std::size_t i = first; i < parameters.size() && kernel.count < AdamW::kMost; ++i) {
      const AdamWTensors& one = parameters[i];
      kernel.parameters[kernel.count++] = {
          {floats(one.value), numbers<float>(one.gradient), floats(one.first), floats(one.second), floats(one.average)},
          numbers<float>(one.steps),
          one.value.numel()};
      greatest = std::max(greatest, one.value.numel());
    }
    constexpr std::int64_t kEntriesAThread = 4, kMostParts = 1024;
    kernel.parts = std::clamp(greatest / (kThreads * kEntriesAThread), std::int64_t{1}, kMostParts);
    launch(kernel);
  }
}

}  // namespace palimpsest::device
