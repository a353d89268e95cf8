// Attention over documents laid end to end, by ATen's flash attention of variable lengths (arXiv 2307.08691): what a
// GPU does in bfloat16. A document costs the square of its own length and there is no mask.
#pragma once

#include "backbone/kernels/rotary_attention.h"

namespace palimpsest {

// Does it take this projection? bfloat16 on CUDA, heads of up to 256 numbers in multiples of 8.
bool packed_attention_takes(const at::Tensor& projected_BLP, const AttentionInputs& inputs);

// As rotary_attention. Throws where ATen has no flash attention of variable lengths for the device.
at::Tensor packed_attention(const at::Tensor& projected_BLP, const AttentionInputs& inputs);

}  // namespace palimpsest
