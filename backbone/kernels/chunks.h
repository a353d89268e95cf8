// Which tensors the loops take, and how their rows are shared among threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>

#include "backbone/kernels/loops.h"

namespace palimpsest {

// The loops read float32 on the CPU; everything else takes the plain twin.
inline bool loops_take(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat; }

inline constexpr std::int64_t kRowsAChunk = 256;
inline std::int64_t num_chunks(std::int64_t rows) { return (rows + kRowsAChunk - 1) / kRowsAChunk; }

// Calls act(chunk, rows) for chunks of a fixed size, so that sums over chunks do not depend on the number of threads.
template <class Function>
void for_each_chunk(std::int64_t rows, const Function& act) {
  at::parallel_for(0, num_chunks(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      act(chunk, loops::Rows{chunk * kRowsAChunk, std::min(rows, (chunk + 1) * kRowsAChunk)});
    }
  });
}

}  // namespace palimpsest
