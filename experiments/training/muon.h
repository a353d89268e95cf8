// Muon: momentum whose matrices are orthogonalised before they are applied.
// (Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024.)
//
// Shapes: N matrices of R rows and C columns.
#pragma once

#include "experiments/training/update_rule.h"

namespace palimpsest {

// Five Newton-Schulz steps of the odd quintic a X + b XX^T X + c (XX^T)^2 X with (a, b, c) = (3.4445, -4.7750, 2.0315),
// which drives every singular value into about [0.7, 1.2]. Computed in `type`; returns float32 [N,R,C]. In float32,
// matrices with more than 1.5 columns a row (or rows a column) take a third to a half fewer operations: see muon.cpp.
at::Tensor orthogonalise_NRC(const at::Tensor& matrices_NRC, c10::ScalarType type);

// The same by the formula as it stands: the oracle of the above.
at::Tensor plain_orthogonalise_NRC(const at::Tensor& matrices_NRC, c10::ScalarType type);

struct MuonSettings {
  double momentum = 0.95;
  double weight_decay = 0.0;
  c10::ScalarType type = c10::ScalarType::Float;  // of the Newton-Schulz products
};

class Muon : public UpdateRule {
 public:
  Muon(NamedTensors matrices, MuonSettings settings);

  // Nesterov momentum, orthogonalised, times sqrt(max(1, R/C)) (Jordan's scale: an update's effect on a unit-RMS
  // activation does not depend on the shape).
  void step(const UpdateStep& step) override;
  std::map<std::string, at::Tensor> state() const override;

 private:
  void step_shape(const std::vector<std::size_t>& members, const UpdateStep& step);

  NamedTensors matrices_;
  std::vector<at::Tensor> momentum_;
  MuonSettings settings_;
};

}  // namespace palimpsest
