#include "experiments/training/muon.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace palimpsest {

namespace {

constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;  // of a X + b XX^T X + c (XX^T)^2 X
constexpr int kRounds = 5;
// Columns a row from which the products of R x R matrices alone are fewer: (34 + 4 C/R) R^3 against 5 (2 + 4 C/R) R^3.
constexpr double kWideEnough = 1.5;

// b G + c G^2
at::Tensor polynomial_of(const at::Tensor& gram_NRR) { return at::baddbmm(gram_NRR, gram_NRR, gram_NRR, kB, kC); }

// Every round multiplies X by a polynomial of G = XX^T, and these commute: the rounds are gone through with G alone,
// and X is multiplied once by all of them. Errors of G grow twelvefold a round, which float32 has room for.
at::Tensor rounds_of_gram(const at::Tensor& x_NRC) {
  at::Tensor gram = at::bmm(x_NRC, x_NRC.transpose(1, 2)), all;
  for (int round = 0; round < kRounds; ++round) {
    const at::Tensor factor = polynomial_of(gram);
    factor.diagonal(0, 1, 2).add_(kA);
    all = round == 0 ? factor : at::bmm(factor, all);
    if (round + 1 < kRounds) gram = at::bmm(at::bmm(factor, gram), factor);
  }
  return at::bmm(all, x_NRC);
}

at::Tensor rounds_of_matrix(at::Tensor x_NRC) {
  for (int round = 0; round < kRounds; ++round) {
    x_NRC = at::baddbmm(x_NRC, polynomial_of(at::bmm(x_NRC, x_NRC.transpose(1, 2))), x_NRC, kA);
  }
  return x_NRC;
}

// Rounds of a matrix of more columns than rows, of norm one.
template <class Rounds>
at::Tensor with_wide_matrix(const at::Tensor& matrices_NRC, c10::ScalarType type, Rounds&& rounds) {
  TORCH_CHECK(matrices_NRC.dim() == 3, "orthogonalise: needs [N,R,C], got ", matrices_NRC.sizes());
  const bool tall = matrices_NRC.size(1) > matrices_NRC.size(2);
  const at::Tensor wide = tall ? matrices_NRC.transpose(1, 2) : matrices_NRC;  // so that XX^T is the small product
  const at::Tensor norm_N = wide.square().sum({1, 2}, /*keepdim=*/true).sqrt();
  const at::Tensor result = rounds((wide / (norm_N + 1e-7)).to(type)).to(at::kFloat);
  return tall ? result.transpose(1, 2) : result;
}

}  // namespace

at::Tensor orthogonalise_NRC(const at::Tensor& matrices_NRC, c10::ScalarType type) {
  return with_wide_matrix(matrices_NRC, type, [type](const at::Tensor& x_NRC) {
    const double rows = static_cast<double>(x_NRC.size(1)), columns = static_cast<double>(x_NRC.size(2));
    const bool short_way = type == at::kFloat && columns > kWideEnough * rows;
    return short_way ? rounds_of_gram(x_NRC) : rounds_of_matrix(x_NRC);
  });
}

at::Tensor plain_orthogonalise_NRC(const at::Tensor& matrices_NRC, c10::ScalarType type) {
  return with_wide_matrix(matrices_NRC, type, rounds_of_matrix);
}

Muon::Muon(NamedTensors matrices, MuonSettings settings) : matrices_(std::move(matrices)), settings_(settings) {
  for (const auto& [name, matrix] : matrices_) {
    TORCH_CHECK(matrix.dim() == 2, "Muon: needs matrices, got ", name, " of ", matrix.sizes());
    momentum_.push_back(at::zeros_like(matrix.detach()));
  }
}

void Muon::step(const UpdateStep& step) {
  c10::NoGradGuard no_grad;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> shapes;
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    const at::Tensor& matrix = matrices_[i].second;
    if (matrix.grad().defined()) shapes[{matrix.size(0), matrix.size(1)}].push_back(i);
  }
  for (const auto& [shape, members] : shapes) step_shape(members, step);
}

void Muon::step_shape(const std::vector<std::size_t>& members, const UpdateStep& step) {
  std::vector<at::Tensor> weights, gradients, momentum;
  for (const std::size_t member : members) {
    weights.push_back(matrices_[member].second);
    gradients.push_back(weights.back().grad());
    momentum.push_back(momentum_[member]);
  }
  step.scale(gradients);
  at::_foreach_lerp_(momentum, gradients, 1.0 - settings_.momentum);
  const at::Tensor ahead_NRC = at::stack(at::_foreach_lerp(gradients, momentum, settings_.momentum));
  const double rows = static_cast<double>(ahead_NRC.size(1)), columns = static_cast<double>(ahead_NRC.size(2));
  const double scale = std::sqrt(std::max(1.0, rows / columns));
  const std::vector<at::Tensor> updates = orthogonalise_NRC(ahead_NRC, settings_.type).unbind(0);
  if (settings_.weight_decay > 0) at::_foreach_mul_(weights, 1.0 - step.learning_rate * settings_.weight_decay);
  at::_foreach_add_(weights, updates, -step.learning_rate * scale);
}

std::map<std::string, at::Tensor> Muon::state() const {
  std::map<std::string, at::Tensor> state;
  for (std::size_t i = 0; i < matrices_.size(); ++i) state["muon.momentum." + matrices_[i].first] = momentum_[i];
  return state;
}

}  // namespace palimpsest
