// Softmax attention in bfloat16 products: one head of keys over one group of positions at a time. Scores live for a
// block of queries only, so that memory grows with the length and not with its square.
//
// Shapes: N positions, P numbers of a projected position, H query heads, G key and value heads, E head width, R = E/2
// pairs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backbone/kernels/loops.h"

namespace palimpsest::loops {

// The positions that look, and those that they look at: rows of the arrays.
struct AttentionGroup {
  const std::int64_t* queries;
  std::int64_t num_queries;
  const std::int64_t* keys;
  std::int64_t num_keys;
};

// A projected position is H query, G key and G value heads side by side; norms of heads may be null. The forward pass
// writes the last two, the backward pass reads them.
struct AttentionArrays {
  const Bf16* projected_NP;
  const float *cos_NR, *sin_NR, *query_norm_E, *key_norm_E;
  std::int64_t heads, key_value_heads, width;
  float epsilon;
  Bf16* mixed_NHE;
  float* log_sum_exp_NH;  // to base 2

  std::int64_t stride() const { return (heads + 2 * key_value_heads) * width; }
};

// The parts of grad_projected that belong to the group and its key head are written; to the gradients of the norms is
// added.
struct AttentionGradients {
  const Bf16* grad_mixed_NHE;
  Bf16* grad_projected_NP;
  float *grad_query_norm_E, *grad_key_norm_E;
};

// Bytes of working memory (64-byte aligned) that a call needs for this many keys.
std::int64_t attention_scratch_bytes(std::int64_t num_keys, std::int64_t width);

// One group, one head of keys and the query heads that share it.
struct AttentionLoops {
  void (*forward)(const AttentionArrays& arrays, const AttentionGroup& group, std::int64_t key_head,
                  std::byte* scratch);
  void (*backward)(const AttentionArrays& arrays, const AttentionGradients& gradients, const AttentionGroup& group,
                   std::int64_t key_head, std::byte* scratch);
};

// For any processor.
const AttentionLoops& portable_attention_loops();

// By the bfloat16 dot products of AVX-512; null where the processor or the build has none.
const AttentionLoops* avx512_attention_loops();

// The fastest there are.
const AttentionLoops& attention_loops();

}  // namespace palimpsest::loops
