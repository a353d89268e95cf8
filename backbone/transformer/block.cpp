#include "backbone/transformer/block.h"

#include <cmath>

#include "backbone/kernels/cross_entropy.h"
#include "backbone/kernels/recompute.h"
#include "backbone/kernels/swiglu.h"

namespace palimpsest {

at::Tensor add_matrix(ParameterSet& parameters, const TransformerOptions& options, const std::string& name,
                      const at::Tensor& initial) {
  const double ratio = options.width_ratio();
  if (ratio == 1) return parameters.add(name, initial);
  parameters.set_rate(name, 1 / ratio);
  return parameters.add(name, initial / std::sqrt(ratio));
}

std::string block_prefix(std::int64_t index) { return "blocks." + std::to_string(index) + "."; }

Block make_block(ParameterSet& parameters, const TransformerOptions& options, std::int64_t index, RandomKey key) {
  const std::string prefix = block_prefix(index);
  const double residual = kInitDeviation / std::sqrt(2.0 * static_cast<double>(options.layers));
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t columns, double deviation) {
    return add_matrix(parameters, options, prefix + name, normal_init(key, prefix + name, {rows, columns}, deviation));
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

SumAndNorm norm_stream(const Stream& stream, const at::Tensor& weight_D, c10::ScalarType type) {
  if (stream.delta_ND.defined()) return add_rms_norm(stream.x_ND, stream.delta_ND, weight_D, type);
  return {stream.x_ND, rms_norm(stream.x_ND, weight_D, type)};
}

Stream apply_block(const Block& block, const TransformerOptions& options, const Surroundings& around,
                   const Stream& stream, const at::Tensor& rows_M) {
  const c10::ScalarType type = around.compute_type;
  SumAndNorm before = norm_stream(stream, block.norm1_D, type);
  const at::Tensor projected_BLP = linear(before.normed_ND, block.qkv_PD, type).unflatten(0, {around.rows, -1});
  const AttentionInputs inputs{options.heads,    options.key_value_heads, block.query_norm_E,
                               block.key_norm_E, around.rotation,         around.sight};
  at::Tensor mixed_ND = rotary_attention(projected_BLP, inputs).flatten(0, 1);
  if (rows_M.defined()) {
    mixed_ND = pick_rows(mixed_ND, rows_M);
    before.sum_ND = pick_rows(before.sum_ND, rows_M);
  }
  const SumAndNorm between = norm_stream({before.sum_ND, linear(mixed_ND, block.out_DD, type)}, block.norm2_D, type);
  const at::Tensor hidden_NF = swiglu(linear(between.normed_ND, block.gate_up_2FD, type));
  return {between.sum_ND, linear(hidden_NF, block.down_DF, type)};
}

namespace {

// Calls act with each tensor of a block that is there.
template <class AnyBlock, class Function>
void for_each_tensor(AnyBlock& block, const Function& act) {
  for (auto* tensor : {&block.norm1_D, &block.qkv_PD, &block.query_norm_E, &block.key_norm_E, &block.out_DD,
                       &block.norm2_D, &block.gate_up_2FD, &block.down_DF}) {
    if (tensor->defined()) act(*tensor);
  }
}

}  // namespace

Stream recomputed_block(const Block& block, const TransformerOptions& options, const Surroundings& around,
                        const Stream& stream, const at::Tensor& rows_M) {
  std::vector<at::Tensor> inputs{stream.x_ND};
  if (stream.delta_ND.defined()) inputs.push_back(stream.delta_ND);
  for_each_tensor(block, [&inputs](const at::Tensor& tensor) { inputs.push_back(tensor); });
  const bool has_delta = stream.delta_ND.defined();
  const auto run = [=](const std::vector<at::Tensor>& in) {
    auto next = in.begin();
    Stream before{*next++, {}};
    if (has_delta) before.delta_ND = *next++;
    Block own = block;
    for_each_tensor(own, [&next](at::Tensor& tensor) { tensor = *next++; });
    const Stream after = apply_block(own, options, around, before, rows_M);
    return std::vector{after.x_ND, after.delta_ND};
  };
  const std::vector<at::Tensor> after = recomputed(run, inputs);
  return {after[0], after[1]};
}

}  // namespace palimpsest
