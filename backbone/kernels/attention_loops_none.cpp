// Where the compiler's target has no AVX-512.
#include "backbone/kernels/attention_loops.h"

namespace palimpsest::loops {

const AttentionLoops* avx512_attention_loops() { return nullptr; }

}  // namespace palimpsest::loops
