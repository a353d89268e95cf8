#include "backbone/kernels/swiglu.h"

namespace palimpsest {

at::Tensor plain_swiglu(const at::Tensor& gate_up_N2F) {
  const std::vector<at::Tensor> halves = gate_up_N2F.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

at::Tensor swiglu(const at::Tensor& gate_up_N2F) { return plain_swiglu(gate_up_N2F); }

}  // namespace palimpsest
