// The fused kernels on a GPU (device_kernels.h), as the operations of operations.h.
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "backbone/kernels/device_operations.h"

namespace palimpsest::device {

namespace {

class GpuPlace {
 public:
  __device__ explicit GpuPlace(float* memory) : memory_(memory) {}
  __device__ std::int64_t block() const { return blockIdx.x; }
  __device__ std::int64_t blocks() const { return gridDim.x; }
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ float* memory() const { return memory_; }
  __device__ void barrier() const { __syncthreads(); }
  __device__ float from_lane(float x, int mask) const { return __shfl_xor_sync(0xffffffffu, x, mask); }

 private:
  float* memory_;
};

template <class Kernel>
__global__ void __launch_bounds__(kThreads) run(const __grid_constant__ Kernel kernel) {
  extern __shared__ float block_memory[];
  kernel(GpuPlace(block_memory));
}

// Onto the current stream of the device where `where` lies.
auto launch_at(const at::Tensor& where) {
  return [device = where.device()](const auto& kernel) {
    constexpr std::int64_t kMostBlocks = 1 << 20;
    if (kernel.blocks() == 0) return;
    TORCH_CHECK(kernel.memory() <= kMemory, "fused kernels: a block has ", kMemory, " floats, not ", kernel.memory());
    const c10::cuda::CUDAGuard guard(device);
    const auto blocks = static_cast<unsigned>(std::min(kernel.blocks(), kMostBlocks));
    const auto bytes = static_cast<std::size_t>(kernel.memory()) * sizeof(float);
    run<<<blocks, kThreads, bytes, at::cuda::getCurrentCUDAStream()>>>(kernel);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  };
}

void norm_forward_on_cuda(const at::Tensor& x, const MaybeTensor& delta, const at::Tensor& weight,
                          const MaybeTensor& sum, const at::Tensor& normed, const at::Tensor& scale) {
  norm_forward(launch_at(x), {x, delta, weight, sum, normed, scale});
}

void norm_backward_on_cuda(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                           const at::Tensor& grad_normed, const MaybeTensor& grad_sum, const at::Tensor& grad_x,
                           const MaybeTensor& grad_delta, const at::Tensor& grad_weights) {
  norm_backward(launch_at(x), {x, weight, scale, grad_normed, grad_sum, grad_x, grad_delta, grad_weights});
}

void swiglu_forward_on_cuda(const at::Tensor& gate_up, const at::Tensor& out) {
  swiglu_forward(launch_at(gate_up), gate_up, out);
}

void swiglu_backward_on_cuda(const at::Tensor& gate_up, const at::Tensor& grad_out, const at::Tensor& grad) {
  swiglu_backward(launch_at(gate_up), gate_up, grad_out, grad);
}

void rotate_forward_on_cuda(const at::Tensor& projected, std::int64_t first, const at::Tensor& cos,
                            const at::Tensor& sin, const MaybeTensor& weight, const at::Tensor& out) {
  rotate_forward(launch_at(projected), {projected, first, cos, sin, weight, out});
}

void rotate_backward_on_cuda(const at::Tensor& projected, std::int64_t first, const at::Tensor& cos,
                             const at::Tensor& sin, const MaybeTensor& weight, const at::Tensor& grad,
                             const at::Tensor& grad_projected, const MaybeTensor& grad_weights) {
  const at::Tensor grad_heads = grad.to(projected.scalar_type()).contiguous();
  rotate_backward(launch_at(projected), {projected, first, cos, sin, weight, grad_heads, grad_projected, grad_weights});
}

void adamw_on_cuda(at::TensorList values, at::TensorList gradients, at::TensorList first, at::TensorList second,
                   at::TensorList steps, at::TensorList averages, at::ArrayRef<double> rates) {
  std::vector<AdamWTensors> parameters;
  for (std::size_t i = 0; i < values.size(); ++i)
    parameters.push_back({values[i], gradients[i], first[i], second[i], steps[i], averages[i]});
  if (!parameters.empty()) adamw(launch_at(values[0]), parameters, rates_of(rates));
}

TORCH_LIBRARY_IMPL(palimpsest, CUDA, library) {
  library.impl("norm_forward", &norm_forward_on_cuda);
  library.impl("norm_backward", &norm_backward_on_cuda);
  library.impl("swiglu_forward", &swiglu_forward_on_cuda);
  library.impl("swiglu_backward", &swiglu_backward_on_cuda);
  library.impl("rotate_forward", &rotate_forward_on_cuda);
  library.impl("rotate_backward", &rotate_backward_on_cuda);
  library.impl("adamw", &adamw_on_cuda);
}

}  // namespace

}  // namespace palimpsest::device
