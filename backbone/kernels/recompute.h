// Activation checkpointing (arXiv 1604.06174): memory for time.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace palimpsest {

// A pure function of tensors. What it needs gradients of must be among its inputs: a tensor that it captures is a
// constant to it.
using TensorFunction = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>& inputs)>;

// The function's outputs. Of what it makes on the way nothing is kept; the backward pass calls it again. Gradients have
// the bits that they have without, since the arithmetic is the same. Inputs are defined.
std::vector<at::Tensor> recomputed(const TensorFunction& function, const std::vector<at::Tensor>& inputs);

}  // namespace palimpsest
