// The optimizer of a run: AdamW or Lion for all parameters, or Muon for hidden matrices and AdamW for the rest.
#pragma once

#include <memory>

#include "base/parameters.h"
#include "experiments/training/average.h"
#include "experiments/training/lion.h"
#include "experiments/training/muon.h"
#include "experiments/training/options.h"

namespace palimpsest {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.0;
};

// AdamW (arXiv 1711.05101); gradients' scale and the average of the values are part of its one pass over all tensors.
// Bias correction counts each tensor's own steps.
class AdamW : public UpdateRule {
 public:
  AdamW(NamedTensors tensors, AdamWSettings settings);
  void step(const UpdateStep& step) override;
  std::map<std::string, at::Tensor> state() const override;

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
  // Of the parameters that require a gradient; `parameters` must outlive the optimizer. `type` is that of Muon's
  // products. A parameter's own share of the learning rate leaves its weight decay as it is, and Muon takes none: the
  // scale of its updates is the same for all shapes.
  Optimizer(const TrainingOptions& options, const ParameterSet& parameters, c10::ScalarType type);

  // Applies the gradients times `gradient_scale`, all learning rates multiplied by `factor`.
  void step(double factor, double gradient_scale = 1.0);

  // From here on a step moves the average, which must outlive the optimizer's steps, as far as one pass can do both.
  void carry(ParameterAverage& average) { average_ = &average; }
  // After a step, when all parameters have their new values: moves the rest of the average that is carried.
  void finish_average();

  // From here on all learning rates are so many times the options'.
  void scale_rates(double scale) { scale_ = scale; }

  std::map<std::string, at::Tensor> state() const;
  // Copies a saved state in. InputError naming `file` and the tensor: missing, unexpected, another shape.
  void load_state(const std::map<std::string, at::Tensor>& values, const std::string& file);

 private:
  struct Part {
    std::unique_ptr<UpdateRule> rule;
    double learning_rate;  // at its highest
  };
  std::vector<Part> parts_;
  double scale_ = 1.0;
  ParameterAverage* average_ = nullptr;
};

}  // namespace palimpsest
