// Operations of one signature for each device: the loops on the CPU, or what libpalimpsest_cuda.so registers. Torch's
// dispatcher picks. They write tensors that are there already, contiguous but for projections' parts.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/zeros.h>

#include "backbone/kernels/chunks.h"
#include "backbone/kernels/device_place.h"

namespace palimpsest {

using MaybeTensor = std::optional<at::Tensor>;
inline MaybeTensor if_defined(const at::Tensor& x) { return x.defined() ? MaybeTensor(x) : std::nullopt; }

// float32 and bfloat16 on either device.
inline bool operations_take(const at::Tensor& x) { return (x.is_cpu() || x.is_cuda()) && loops_take(x.scalar_type()); }

// How many rows' share of a weight's gradient are summed before the shares are: a row of shares a chunk.
inline at::Tensor shares_of(const at::Tensor& rows, std::int64_t num_rows, std::int64_t width) {
  const std::int64_t chunks = rows.is_cuda() ? device::chunks_of(num_rows) : num_chunks(num_rows);
  return at::zeros({chunks, width}, rows.options().dtype(at::kFloat).requires_grad(false));
}

// Calls it below autograd, of which the callers are functions.
template <class Signature, class... Arguments>
void call_operation(const char* name, const Arguments&... arguments) {
  const at::AutoDispatchBelowADInplaceOrView below;
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>().call(arguments...);
}

}  // namespace palimpsest
