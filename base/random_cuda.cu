// Counter-based draws on a GPU: the CPU's own functions, one draw a thread.
//
// Shapes: B rows, N draws a row.
#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include <algorithm>

#include "base/philox.h"

namespace palimpsest {

namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1 << 16;

__global__ void fill_uniforms(const std::int64_t* keys_B, std::int64_t num_draws, std::int64_t count, double* out_BN) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
    const auto key = static_cast<std::uint64_t>(keys_B[i / num_draws]);
    out_BN[i] = uniform_from_bits(draw_bits(key, static_cast<std::uint64_t>(i % num_draws)));
  }
}

at::Tensor uniform_on_cuda(const at::Tensor& keys_B, std::int64_t num_draws) {
  const c10::cuda::CUDAGuard guard(keys_B.device());
  const at::Tensor contiguous_B = keys_B.contiguous();
  at::Tensor uniform_BN = at::empty({keys_B.size(0), num_draws}, keys_B.options().dtype(at::kDouble));
  const std::int64_t count = uniform_BN.numel();
  if (count == 0) return uniform_BN;
  const auto blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMaxBlocks));
  fill_uniforms<<<blocks, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
      contiguous_B.const_data_ptr<std::int64_t>(), num_draws, count, uniform_BN.mutable_data_ptr<double>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return uniform_BN;
}

TORCH_LIBRARY_IMPL(palimpsest, CUDA, library) { library.impl("uniform_BN", &uniform_on_cuda); }

}  // namespace

}  // namespace palimpsest
