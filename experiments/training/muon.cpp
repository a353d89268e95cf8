#include "experiments/training/muon.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace palimpsest {

at::Tensor orthogonalise_NRC(const at::Tensor& matrices_NRC, c10::ScalarType type) {
  TORCH_CHECK(matrices_NRC.dim() == 3, "orthogonalise: needs [N,R,C], got ", matrices_NRC.sizes());
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  const bool tall = matrices_NRC.size(1) > matrices_NRC.size(2);
  at::Tensor wide = tall ? matrices_NRC.transpose(1, 2) : matrices_NRC;  // so that XX^T is the small product
  const at::Tensor norm_N = wide.square().sum({1, 2}, /*keepdim=*/true).sqrt();
  at::Tensor x = (wide / (norm_N + 1e-7)).to(type);
  for (int round = 0; round < 5; ++round) {
    const at::Tensor gram = at::bmm(x, x.transpose(1, 2));
    const at::Tensor polynomial = at::baddbmm(gram, gram, gram, b, c);
    x = at::baddbmm(x, polynomial, x, a);
  }
  x = x.to(at::kFloat);
  return tall ? x.transpose(1, 2) : x;
}

Muon::Muon(NamedTensors matrices, MuonSettings settings) : matrices_(std::move(matrices)), settings_(settings) {
  for (const auto& [name, matrix] : matrices_) {
    TORCH_CHECK(matrix.dim() == 2, "Muon: needs matrices, got ", name, " of ", matrix.sizes());
    momentum_.push_back(at::zeros_like(matrix.detach()));
  }
}

void Muon::step(double learning_rate) {
  c10::NoGradGuard no_grad;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> shapes;
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    const at::Tensor& matrix = matrices_[i].second;
    if (matrix.grad().defined()) shapes[{matrix.size(0), matrix.size(1)}].push_back(i);
  }
  for (const auto& [shape, members] : shapes) step_shape(members, learning_rate);
}

void Muon::step_shape(const std::vector<std::size_t>& members, double learning_rate) {
  std::vector<at::Tensor> weights, gradients, momentum;
  for (const std::size_t member : members) {
    weights.push_back(matrices_[member].second);
    gradients.push_back(weights.back().grad());
    momentum.push_back(momentum_[member]);
  }
  at::_foreach_lerp_(momentum, gradients, 1.0 - settings_.momentum);
  const at::Tensor ahead_NRC = at::stack(at::_foreach_lerp(gradients, momentum, settings_.momentum));
  const double rows = static_cast<double>(ahead_NRC.size(1)), columns = static_cast<double>(ahead_NRC.size(2));
  const double scale = std::sqrt(std::max(1.0, rows / columns));
  const std::vector<at::Tensor> updates = orthogonalise_NRC(ahead_NRC, settings_.type).unbind(0);
  if (settings_.weight_decay > 0) at::_foreach_mul_(weights, 1.0 - learning_rate * settings_.weight_decay);
  at::_foreach_add_(weights, updates, -learning_rate * scale);
}

std::map<std::string, at::Tensor> Muon::state() const {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < matrices_.size(); ++i) state["muon.momentum." + matrices_[i].first] = momentum_[i];
  return state;
}

}  // namespace palimpsest
