#include "backbone/kernels/swiglu.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "backbone/kernels/row_arrays.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void swiglu_forward_on_cpu(const at::Tensor& gate_up, const at::Tensor& out) {
  with_number(gate_up.scalar_type(), [&]<class N>(N) {
    const auto arrays = swiglu_arrays<N>(gate_up, {}, out);
    for_each_chunk(rows_of(gate_up), [&](std::int64_t, loops::Rows range) { loops::swiglu_forward(arrays, range); });
  });
}

void swiglu_backward_on_cpu(const at::Tensor& gate_up, const at::Tensor& grad_out, const at::Tensor& grad) {
  with_number(gate_up.scalar_type(), [&]<class N>(N) {
    const auto arrays = swiglu_arrays<N>(gate_up, grad_out, grad);
    for_each_chunk(rows_of(gate_up), [&](std::int64_t, loops::Rows range) { loops::swiglu_backward(arrays, range); });
  });
}

TORCH_LIBRARY_FRAGMENT(palimpsest, library) {
  library.def("swiglu_forward(Tensor gate_up, Tensor(a!) out) -> ()");
  library.def("swiglu_backward(Tensor gate_up, Tensor grad_out, Tensor(a!) grad) -> ()");
  library.impl("swiglu_forward", c10::DispatchKey::CPU, &swiglu_forward_on_cpu);
  library.impl("swiglu_backward", c10::DispatchKey::CPU, &swiglu_backward_on_cpu);
}

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    RECORD_FUNCTION("palimpsest::swiglu", {});
    const at::Tensor in = gate_up.contiguous();
    std::vector<std::int64_t> sizes = in.sizes().vec();
    sizes.back() /= 2;
    const at::Tensor out = at::empty(sizes, in.options());
    call_operation<decltype(swiglu_forward_on_cpu)>("palimpsest::swiglu_forward", in, out);
    context->save_for_backward({in});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::Tensor in = context->get_saved_variables()[0], grad_out = grads[0].contiguous(),
                     grad_in = at::empty_like(in);
    call_operation<decltype(swiglu_backward_on_cpu)>("palimpsest::swiglu_backward", in, grad_out, grad_in);
    return {grad_in};
  }
};

}  // namespace

at::Tensor plain_swiglu(const at::Tensor& gate_up_N2F) {
  const std::vector<at::Tensor> halves = gate_up_N2F.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

at::Tensor swiglu(const at::Tensor& gate_up_N2F) {
  return operations_take(gate_up_N2F) ? SwigluFunction::apply(gate_up_N2F) : plain_swiglu(gate_up_N2F);
}

}  // namespace palimpsest
