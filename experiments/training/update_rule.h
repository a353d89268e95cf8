// UpdateRule: what an optimizer does to the parameters it was given.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace palimpsest {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  // Applies the gradients; tensors without one are left alone.
  virtual void step(double learning_rate) = 0;
  // What the rule remembers, by names of its own; shared storage.
  virtual std::map<std::string, at::Tensor> state() const = 0;
};

}  // namespace palimpsest
