#include "backbone/transformer/block.h"

#include <cmath>

#include "backbone/kernels/rms_norm.h"
#include "backbone/kernels/swiglu.h"
#include "backbone/transformer/attention.h"

namespace palimpsest {

namespace {

constexpr double kInitDeviation = 0.02;

}  // namespace

Block make_block(ParameterSet& parameters, const TransformerOptions& options, std::int64_t index, RandomKey key) {
  const std::string prefix = "blocks." + std::to_string(index) + ".";
  const double residual = kInitDeviation / std::sqrt(2.0 * static_cast<double>(options.layers));
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t columns, double deviation) {
    return parameters.add(prefix + name, normal_init(key, prefix + name, {rows, columns}, deviation));
  };
  const auto ones = [&](const std::string& name, std::int64_t size) {
    return parameters.add(prefix + name, at::ones({size}));
  };
  const std::int64_t D = options.width, E = options.head_width(), F = options.hidden_width(), H = options.heads;
  Block block;
  block.norm1_D = ones("norm1.weight", D);
  block.qkv_PD = matrix("attention.qkv.weight", (H + 2 * options.key_value_heads) * E, D, kInitDeviation);
  if (options.qk_norm) block.query_norm_E = ones("attention.q_norm.weight", E);
  if (options.qk_norm) block.key_norm_E = ones("attention.k_norm.weight", E);
  block.out_DD = matrix("attention.out.weight", D, H * E, residual);
  block.norm2_D = ones("norm2.weight", D);
  block.gate_up_2FD = matrix("mlp.gate_up.weight", 2 * F, D, kInitDeviation);
  block.down_DF = matrix("mlp.down.weight", D, F, residual);
  return block;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, c10::ScalarType compute_type) {
  return at::linear(x.to(compute_type), weight.to(compute_type));
}

at::Tensor apply_block(const Block& block, const TransformerOptions& options, const Surroundings& around,
                       const at::Tensor& x_BLD) {
  const c10::ScalarType type = around.compute_type;
  const HeadOptions head_options{options.heads, options.key_value_heads, block.query_norm_E, block.key_norm_E};
  const at::Tensor projected_BLP = linear(rms_norm(x_BLD, block.norm1_D, type), block.qkv_PD, type);
  const at::Tensor mixed_BHLE = attend(rotate_heads(projected_BLP, around.rotation, head_options), around.mask);
  const at::Tensor attended_BLD = x_BLD + linear(mixed_BHLE.transpose(1, 2).flatten(2), block.out_DD, type);
  const at::Tensor hidden_BLF = swiglu(linear(rms_norm(attended_BLD, block.norm2_D, type), block.gate_up_2FD, type));
  return attended_BLD + linear(hidden_BLF, block.down_DF, type);
}

}  // namespace palimpsest
