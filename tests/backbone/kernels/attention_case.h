// An attention with its inputs, held beside the plain twin in float32, and sights to give it.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "backbone/kernels/rotary_attention.h"
#include "base/random.h"
#include "tests/support/tolerance.h"

namespace palimpsest::test {

// Shapes: B rows, L positions, H query heads, G key heads, E head width.
struct AttentionCase {
  std::int64_t B = 2, L = 90, H = 4, G = 4, E = 20;
  bool normed = true;
  Sight sight = {};
  c10::ScalarType type = at::kBFloat16;

  at::Tensor drawn(const char* name, at::IntArrayRef sizes) const {
    return normal(RandomKey::root(31).fold(name), sizes);
  }
  at::Tensor projected() const { return drawn("projected", {B, L, (H + 2 * G) * E}).to(type); }
  AttentionInputs inputs() const {
    const at::Tensor angle = drawn("angle", {B, L, E / 2});
    AttentionInputs inputs{H, G, {}, {}, {angle.cos(), angle.sin()}, sight};
    if (normed) inputs.query_norm_E = drawn("q", {E}).requires_grad_(true);
    if (normed) inputs.key_norm_E = drawn("k", {E}).requires_grad_(true);
    return inputs;
  }
};

using Attention = std::function<at::Tensor(const at::Tensor&, const AttentionInputs&)>;

// Result and gradients (projection, norms) under one random gradient of the result.
inline std::vector<at::Tensor> attend(const AttentionCase& where, bool fused, const Attention& attention) {
  const at::Tensor projected = where.projected().requires_grad_(true);
  const AttentionInputs inputs = where.inputs();
  const at::Tensor mixed =
      fused ? attention(projected, inputs) : plain_rotary_attention(projected.to(at::kFloat), inputs);
  (mixed * where.drawn("outer", mixed.sizes())).sum().backward();
  std::vector<at::Tensor> all{mixed.detach().to(at::kFloat), projected.grad().to(at::kFloat)};
  if (where.normed) all.insert(all.end(), {inputs.query_norm_E.grad(), inputs.key_norm_E.grad()});
  return all;
}

inline void expect_plain_twin(const AttentionCase& where, const Attention& attention = rotary_attention) {
  const std::vector<at::Tensor> fused = attend(where, true, attention), plain = attend(where, false, attention);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    const double size = plain[i].abs().max().item<double>() + 0.05;  // one key alone has no gradient of its scores
    EXPECT_TRUE(test::close(fused[i] / size, plain[i] / size, where.type))
        << "tensor " << i << ", greatest difference " << ((fused[i] - plain[i]).abs().max() / size).item<double>();
  }
}

inline Sight some_hidden(std::int64_t B, std::int64_t L) {
  const at::Tensor visible = at::ones({B, L}, at::kBool);
  visible.slice(1, L / 2, L / 2 + 7).fill_(false);
  return {visible, {}};
}

// Three documents a row, one in two pieces, and padding that nobody sees.
inline Sight packed(std::int64_t B, std::int64_t L) {
  at::Tensor document = at::arange(L, at::kLong).mul(4).div(L, "floor").expand({B, L}).contiguous();
  document.masked_fill_(document.eq(2), 0);
  document.slice(1, L - 9).fill_(-1);
  return {document.ge(0), document};
}

// Lengths that differ, by row too, with hidden positions inside and a document that is hidden whole.
inline Sight unequal(std::int64_t B, std::int64_t L) {
  const at::Tensor place = at::arange(L, at::kLong);
  at::Tensor document = at::zeros({B, L}, at::kLong), visible = at::ones({B, L}, at::kBool);
  for (std::int64_t row = 0; row < B; ++row) {
    for (const std::int64_t begin : {3 + row, 20 + 5 * row, L - 30}) document[row].add_(place.ge(begin).to(at::kLong));
    visible[row].masked_fill_(document[row].eq(1), false);
    visible[row].slice(0, L - 20, L - 20 + 3 + row).fill_(false);
  }
  return {visible, document};
}

}  // namespace palimpsest::test
