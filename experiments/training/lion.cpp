#include "experiments/training/lion.h"

#include <c10/core/GradMode.h>

namespace palimpsest {

Lion::Lion(NamedTensors tensors, LionSettings settings) : tensors_(std::move(tensors)), settings_(settings) {
  for (const auto& [name, tensor] : tensors_) momentum_.push_back(at::zeros_like(tensor.detach()));
}

void Lion::step(const UpdateStep& step) {
  c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, momentum;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].second.grad().defined()) continue;
    values.push_back(tensors_[i].second);
    gradients.push_back(tensors_[i].second.grad());
    momentum.push_back(momentum_[i]);
  }
  if (values.empty()) return;
  step.scale(gradients);
  std::vector<at::Tensor> updates = at::_foreach_lerp(gradients, momentum, settings_.beta1);
  at::_foreach_sign_(updates);
  if (settings_.weight_decay > 0) at::_foreach_mul_(values, 1.0 - step.learning_rate * settings_.weight_decay);
  at::_foreach_add_(values, updates, -step.learning_rate);
  at::_foreach_lerp_(momentum, gradients, 1.0 - settings_.beta2);
}

std::map<std::string, at::Tensor> Lion::state() const {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < tensors_.size(); ++i) state["lion.momentum." + tensors_[i].first] = momentum_[i];
  return state;
}

}  // namespace palimpsest
