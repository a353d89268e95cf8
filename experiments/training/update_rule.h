// UpdateRule: what an optimizer does to the parameters it was given.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_mul.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace palimpsest {

class ParameterAverage;

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct UpdateStep {
  double learning_rate = 0.0;
  double gradient_scale = 1.0;          // gradients count so many times
  ParameterAverage* average = nullptr;  // which a rule may move along with what it changes

  // Brings gradients to their scale, in place: for rules whose own pass does not.
  void scale(const std::vector<at::Tensor>& gradients) const {
    if (gradient_scale != 1.0) at::_foreach_mul_(gradients, gradient_scale);
  }
};

class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  // Applies the gradients; tensors without one are left alone.
  virtual void step(const UpdateStep& step) = 0;
  // What the rule remembers, by names of its own; shared storage.
  virtual std::map<std::string, at::Tensor> state() const = 0;
};

}  // namespace palimpsest
