#include "backbone/kernels/adamw.h"

#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <torch/library.h>

#include <algorithm>

#include "backbone/kernels/adamw_math.h"
#include "backbone/kernels/device_operations.h"
#include "base/parallel.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kPart = 1 << 14;  // entries that a thread takes at a time

bool loops_step(const at::Tensor& tensor) { return tensor.is_cpu() && tensor.scalar_type() == at::kFloat; }
bool device_steps(const at::Tensor& tensor) {
  return tensor.is_cuda() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous();
}
bool all_of(const std::vector<at::Tensor>& tensors, bool (*holds)(const at::Tensor&)) {
  return !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), holds);
}

// What libpalimpsest_cuda.so registers. Steps that count this update already; without gradients averages alone move.
using AdamWOnDevice = void(at::TensorList values, at::TensorList gradients, at::TensorList first, at::TensorList second,
                           at::TensorList steps, at::TensorList averages, at::ArrayRef<double> rates);
TORCH_LIBRARY_FRAGMENT(palimpsest, library) {
  library.def(
      "adamw(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] first, Tensor(c!)[] second, Tensor[] steps, "
      "Tensor(d!)[] averages, float[] rates) -> ()");
}

void step_on_device(const std::vector<AdamWTensors>& parameters, const AdamWRates& rates) {
  std::vector<at::Tensor> values, gradients, first, second, steps, averages;
  for (const AdamWTensors& parameter : parameters) {
    values.push_back(parameter.value);
    gradients.push_back(parameter.gradient.defined() ? parameter.gradient.contiguous() : at::Tensor());
    first.push_back(parameter.first);
    second.push_back(parameter.second);
    steps.push_back(parameter.steps);
    averages.push_back(parameter.average);
  }
  const std::array<double, 7> numbers = device::numbers_of(rates);
  call_operation<AdamWOnDevice>("palimpsest::adamw", at::TensorList(values), at::TensorList(gradients),
                                at::TensorList(first), at::TensorList(second), at::TensorList(steps),
                                at::TensorList(averages), at::ArrayRef<double>(numbers));
}

// Calls act(i, begin, end) for parts of the i-th tensor.
void for_each_part(const std::vector<at::Tensor>& tensors,
                   c10::function_ref<void(std::size_t, std::int64_t, std::int64_t)> act) {
  std::vector<std::pair<std::size_t, std::int64_t>> parts;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    TORCH_CHECK(tensors[i].is_contiguous(), "adamw: needs contiguous tensors, got strides ", tensors[i].strides());
    for (std::int64_t begin = 0; begin < tensors[i].numel(); begin += kPart) parts.emplace_back(i, begin);
  }
  parallel_for(0, std::ssize(parts), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      const auto [i, begin] = parts[static_cast<std::size_t>(part)];
      act(i, begin, std::min(tensors[i].numel(), begin + kPart));
    }
  });
}

float* mutable_floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}

// One parameter's part of the loop.
struct AdamWMove {
  at::Tensor gradient;  // contiguous
  loops::AdamWArrays arrays;
  loops::AdamWFactors factors;
};

AdamWMove adamw_move(const AdamWTensors& parameter, const AdamWRates& rates) {
  parameter.steps.add_(1);
  const at::Tensor gradient = parameter.gradient.contiguous();
  return {gradient,
          {mutable_floats(parameter.value), gradient.const_data_ptr<float>(), mutable_floats(parameter.first),
           mutable_floats(parameter.second), mutable_floats(parameter.average)},
          loops::adamw_factors(rates, parameter.steps.item<double>())};
}

}  // namespace

void adamw_step(const std::vector<AdamWTensors>& parameters, const AdamWRates& rates) {
  RECORD_FUNCTION("palimpsest::adamw", {});
  c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  for (const AdamWTensors& parameter : parameters) values.push_back(parameter.value);
  if (all_of(values, device_steps)) {
    for (const AdamWTensors& parameter : parameters) parameter.steps.add_(1);
    return step_on_device(parameters, rates);
  }
  if (!all_of(values, loops_step)) return plain_adamw_step(parameters, rates);
  std::vector<AdamWMove> moves;
  for (const AdamWTensors& parameter : parameters) moves.push_back(adamw_move(parameter, rates));
  for_each_part(values, [&moves](std::size_t i, std::int64_t begin, std::int64_t end) {
    loops::adamw(moves[i].arrays, moves[i].factors, begin, end);
  });
}

void move_averages(const std::vector<at::Tensor>& averages, const std::vector<at::Tensor>& values, double share) {
  if (averages.empty()) return;
  c10::NoGradGuard no_grad;
  if (all_of(averages, device_steps) && all_of(values, device_steps)) {
    std::vector<AdamWTensors> moving;
    for (std::size_t i = 0; i < values.size(); ++i) moving.push_back({values[i], {}, {}, {}, {}, averages[i]});
    AdamWRates rates;
    rates.average_share = share;
    return step_on_device(moving, rates);
  }
  if (!all_of(averages, loops_step)) return at::_foreach_lerp_(averages, values, share);
  for_each_part(averages, [&](std::size_t i, std::int64_t begin, std::int64_t end) {
    loops::move_average({values[i].const_data_ptr<float>(), mutable_floats(averages[i])}, static_cast<float>(share),
                        begin, end);
  });
}

void plain_adamw_step(const std::vector<AdamWTensors>& parameters, const AdamWRates& rates) {
  c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, first, second, steps, averages, averaged;
  for (const AdamWTensors& parameter : parameters) {
    values.push_back(parameter.value);
    gradients.push_back(parameter.gradient.contiguous());  // ATen's step on a CPU looks at no strides
    first.push_back(parameter.first);
    second.push_back(parameter.second);
    steps.push_back(parameter.steps);
    if (!parameter.average.defined()) continue;
    averages.push_back(parameter.average);
    averaged.push_back(parameter.value);
  }
  if (values.empty()) return;
  if (rates.gradient_scale != 1.0) at::_foreach_mul_(gradients, rates.gradient_scale);
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(values, gradients, first, second, /*max_exp_avg_sqs=*/{}, steps, rates.learning_rate, rates.beta1,
                    rates.beta2, rates.weight_decay, rates.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  if (!averages.empty()) at::_foreach_lerp_(averages, averaged, rates.average_share);
}

}  // namespace palimpsest
