// Lion: the sign of a momentum is the step (arXiv 2302.06675).
#pragma once

#include "experiments/training/update_rule.h"

namespace palimpsest {

struct LionSettings {
  double beta1 = 0.9, beta2 = 0.99, weight_decay = 0.0;
};

// w <- w - rate (sign(beta1 m + (1-beta1) g) + decay w), then m <- beta2 m + (1-beta2) g. One state a parameter: half
// of AdamW's.
class Lion : public UpdateRule {
 public:
  Lion(NamedTensors tensors, LionSettings settings);
  void step(const UpdateStep& step) override;
  std::map<std::string, at::Tensor> state() const override;

 private:
  NamedTensors tensors_;
  std::vector<at::Tensor> momentum_;
  LionSettings settings_;
};

}  // namespace palimpsest
