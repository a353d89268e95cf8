// Which tensors the loops take, and how their rows are shared among threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "backbone/kernels/loops.h"
#include "base/parallel.h"

namespace palimpsest {

// The loops read float32 and bfloat16 on the CPU; everything else takes the plain twin.
inline bool loops_take(c10::ScalarType type) { return type == at::kFloat || type == at::kBFloat16; }
inline bool loops_take(const at::Tensor& x) { return x.device().is_cpu() && loops_take(x.scalar_type()); }

// Calls act with a value of the loops' number type.
template <class Function>
void with_number(c10::ScalarType type, const Function& act) {
  if (type == at::kFloat) return act(float{});
  TORCH_CHECK(type == at::kBFloat16, "kernels: the loops take float32 and bfloat16, got ", type);
  act(loops::Bf16{});
}

// A tensor's numbers as the loops see them; null for an undefined tensor.
template <class N>
const N* numbers(const at::Tensor& x) {
  return x.defined() ? static_cast<const N*>(x.const_data_ptr()) : nullptr;
}
template <class N>
N* mutable_numbers(const at::Tensor& x) {
  return x.defined() ? static_cast<N*>(x.mutable_data_ptr()) : nullptr;
}

inline constexpr std::int64_t kRowsAChunk = 256;
inline std::int64_t num_chunks(std::int64_t rows) { return (rows + kRowsAChunk - 1) / kRowsAChunk; }

// Calls act(chunk, rows) for chunks of a fixed size, so that sums over chunks do not depend on the number of threads.
template <class Function>
void for_each_chunk(std::int64_t rows, const Function& act) {
  parallel_for(0, num_chunks(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      act(chunk, loops::Rows{chunk * kRowsAChunk, std::min(rows, (chunk + 1) * kRowsAChunk)});
    }
  });
}

}  // namespace palimpsest
