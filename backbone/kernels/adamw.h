// A step of AdamW (arXiv 1711.05101) that scales gradients and moves an average of the values along, in one pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "backbone/kernels/adamw_loops.h"

namespace palimpsest {

// One parameter: tensors of one shape, float32 and contiguous, of which all but the gradient change.
struct AdamWTensors {
  at::Tensor value, gradient;  // the gradient laid out in any way
  at::Tensor first, second;    // moments
  at::Tensor steps;            // a single number: updates of this parameter so far
  at::Tensor average;          // may be undefined
};

// Each number is read and written once, by any number of threads with the same bits. Gradients stay as they are on a
// CPU and on a GPU; elsewhere they may be scaled.
void adamw_step(const std::vector<AdamWTensors>& parameters, const AdamWRates& rates);

// The same by ATen's own operations, one pass each for the scale, the step and the average.
void plain_adamw_step(const std::vector<AdamWTensors>& parameters, const AdamWRates& rates);

// average += share * (value - average), with the bits that adamw_step gives; one value for each average.
void move_averages(const std::vector<at::Tensor>& averages, const std::vector<at::Tensor>& values, double share);

}  // namespace palimpsest
