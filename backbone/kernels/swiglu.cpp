#include "backbone/kernels/swiglu.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/chunks.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    RECORD_FUNCTION("palimpsest::swiglu", {});
    const at::Tensor in = gate_up.contiguous();
    const std::int64_t width = in.size(-1) / 2, rows = in.numel() / (2 * width);
    std::vector<std::int64_t> sizes = in.sizes().vec();
    sizes.back() = width;
    const at::Tensor out = at::empty(sizes, in.options());
    with_number(in.scalar_type(), [&]<class N>(N) {
      const loops::SwigluArrays<N> arrays{numbers<N>(in), nullptr, mutable_numbers<N>(out), width};
      for_each_chunk(rows, [&](std::int64_t, loops::Rows range) { loops::swiglu_forward(arrays, range); });
    });
    context->save_for_backward({in});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::Tensor in = context->get_saved_variables()[0], grad_out = grads[0].contiguous(),
                     grad_in = at::empty_like(in);
    const std::int64_t width = in.size(-1) / 2, rows = in.numel() / (2 * width);
    with_number(in.scalar_type(), [&]<class N>(N) {
      const loops::SwigluArrays<N> arrays{numbers<N>(in), numbers<N>(grad_out), mutable_numbers<N>(grad_in), width};
      for_each_chunk(rows, [&](std::int64_t, loops::Rows range) { loops::swiglu_backward(arrays, range); });
    });
    return {grad_in};
  }
};

}  // namespace

at::Tensor plain_swiglu(const at::Tensor& gate_up_N2F) {
  const std::vector<at::Tensor> halves = gate_up_N2F.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

at::Tensor swiglu(const at::Tensor& gate_up_N2F) {
  return loops_take(gate_up_N2F) ? SwigluFunction::apply(gate_up_N2F) : plain_swiglu(gate_up_N2F);
}

}  // namespace palimpsest
