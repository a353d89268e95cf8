// One transformer block: attention, then a gated net, each after a norm and added to the stream.
//
// Shapes: B rows, L positions, N = B L, M of these chosen, D width, F hidden width, E head width, P = (H + 2G) E.
#pragma once

#include <string>

#include "backbone/kernels/rms_norm.h"
#include "backbone/kernels/rotary_attention.h"
#include "backbone/transformer/transformer_options.h"
#include "base/parameters.h"

namespace palimpsest {

struct Block {
  at::Tensor norm1_D, qkv_PD, query_norm_E, key_norm_E, out_DD;  // the norms of heads are undefined without qk_norm
  at::Tensor norm2_D, gate_up_2FD, down_DF;
};

// Registers the weights of block `index`: NAME.attention.qkv.weight and so on. What is added to the stream starts
// smaller by sqrt(2 layers), so that the stream's variance does not grow with depth (GPT-2).
Block make_block(ParameterSet& parameters, const TransformerOptions& options, std::int64_t index, RandomKey key);

// What the names of a block's parameters begin with.
std::string block_prefix(std::int64_t index);

// A hidden matrix from `columns` to `rows` features. Under muP its deviation falls with the root of the width and its
// learning rate with the width (arXiv 2203.03466, table 8).
at::Tensor add_matrix(ParameterSet& parameters, const TransformerOptions& options, const std::string& name,
                      const at::Tensor& initial);

// Of the normal law that weights are drawn from.
inline constexpr double kInitDeviation = 0.02;

// What a forward pass shares among its blocks.
struct Surroundings {
  std::int64_t rows = 0;  // B
  Rotation rotation;
  Sight sight;
  c10::ScalarType compute_type = c10::ScalarType::Float;
};

// What flows from block to block: the residual stream and what the last block has yet to add to it (undefined at
// first), so that the addition and the next norm are one pass.
struct Stream {
  at::Tensor x_ND, delta_ND;
};

// The stream stays float32; norms are computed in float32, matrix products and attention in the compute type. With
// rows_M defined only these rows leave: what no head will read is not computed after the attention.
Stream apply_block(const Block& block, const TransformerOptions& options, const Surroundings& around,
                   const Stream& stream, const at::Tensor& rows_M);

// The same, its activations not kept but made again by the backward pass.
Stream recomputed_block(const Block& block, const TransformerOptions& options, const Surroundings& around,
                        const Stream& stream, const at::Tensor& rows_M);

// The norm of the whole stream, in `type`, and the stream.
SumAndNorm norm_stream(const Stream& stream, const at::Tensor& weight_D, c10::ScalarType type);

// x W^T in the compute type.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, c10::ScalarType compute_type);

}  // namespace palimpsest
