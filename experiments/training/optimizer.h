// The optimizer of a run: AdamW for all parameters, or Muon for hidden matrices and AdamW for the rest.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "experiments/training/muon.h"
#include "experiments/training/options.h"

namespace palimpsest {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.0;
};

// AdamW (arXiv 1711.05101) through one fused pass over all tensors; bias correction counts each tensor's own steps.
class AdamW {
 public:
  AdamW(NamedTensors tensors, AdamWSettings settings);
  // Tensors without a gradient are left alone.
  void step(double learning_rate);
  std::map<std::string, at::Tensor> state() const;  // shared storage

 private:
  NamedTensors tensors_;
  std::vector<at::Tensor> first_, second_, steps_;
  AdamWSettings settings_;
};

// What a parameter is to the optimizer, read off its shape and name.
enum class ParameterUse {
  kVector,     // biases, norms, scales: fewer than two dimensions, or "norm" in the name
  kEmbedding,  // "embed" or "head" in the name: rows are looked up or scored one by one
  kMatrix,     // two dimensions: a hidden linear map
  kFilter      // more: a convolution
};
ParameterUse parameter_use(const std::string& name, const at::Tensor& tensor);

class Optimizer {
 public:
  // `parameters` must outlive the optimizer; `type` is that of Muon's products.
  Optimizer(const TrainingOptions& options, const ParameterSet& parameters, c10::ScalarType type);

  // Applies the gradients, all learning rates multiplied by `factor`.
  void step(double factor);

  std::map<std::string, at::Tensor> state() const;
  // Copies a saved state in. InputError naming `file` and the tensor: missing, unexpected, another shape.
  void load_state(const std::map<std::string, at::Tensor>& values, const std::string& file);

 private:
  TrainingOptions options_;
  std::vector<AdamW> adamw_;
  std::optional<Muon> muon_;
};

}  // namespace palimpsest
