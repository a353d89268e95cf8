// ParameterSet: the named trainable tensors of a net, in order of registration. Nets are written with at:: functions
// over it; autograd does the rest. (torch::nn::Module would do the same at ten seconds a source file.)
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/safetensors.h"

namespace palimpsest {

class ParameterSet {
 public:
  // Registers a float32 leaf that requires grad and returns it. The returned tensor shares storage with the set's for
  // ever: loading copies values in place. c10::Error for a name used twice.
  at::Tensor add(const std::string& name, const at::Tensor& initial);

  const std::vector<std::pair<std::string, at::Tensor>>& items() const { return items_; }
  std::int64_t count() const;  // scalars in all

  // Values by name, detached; in `dtype` when given (bf16 for what ships).
  std::map<std::string, at::Tensor> values(c10::ScalarType dtype = c10::ScalarType::Float) const;
  // Copies values in. InputError naming `file` and the tensor: missing, unexpected, another shape.
  void load(const std::map<std::string, at::Tensor>& values, const std::string& file);
  // The named ones with their rates, sharing storage and gradients with these. c10::Error for a name that is not there.
  ParameterSet some(const std::vector<std::string>& names) const;
  void to(c10::Device device);
  void set_requires_grad(bool on);

  // Learning rate of a parameter as a share of the run's: 1 unless the net says otherwise (widths under muP).
  void set_rate(const std::string& name, double share) { rates_[name] = share; }
  double rate(const std::string& name) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> items_;
  std::map<std::string, double> rates_;  // those that are not 1
};

// Initial values, drawn from key.fold(name) so that they do not depend on the order of registration.
at::Tensor normal_init(RandomKey key, const std::string& name, at::IntArrayRef sizes, double deviation);
// Uniform in +-sqrt(3 gain / fan_in): Kaiming's rule (arXiv 1502.01852) for convolutions and linear maps.
at::Tensor kaiming_init(RandomKey key, const std::string& name, at::IntArrayRef sizes, double gain = 1.0);

}  // namespace palimpsest
