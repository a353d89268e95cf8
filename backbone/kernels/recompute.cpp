#include "backbone/kernels/recompute.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A context's saved_data holds values of the interpreter; this one holds the function.
struct HeldFunction : torch::CustomClassHolder {
  explicit HeldFunction(TensorFunction held) : function(std::move(held)) {}
  TensorFunction function;
};

struct RecomputedFunction : torch::autograd::Function<RecomputedFunction> {
  static variable_list forward(AutogradContext* context, const TensorFunction& function, at::TensorList inputs) {
    context->saved_data["function"] = c10::IValue::make_capsule(c10::make_intrusive<HeldFunction>(function));
    context->save_for_backward(inputs.vec());
    return function(inputs.vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto held = c10::static_intrusive_pointer_cast<HeldFunction>(context->saved_data["function"].toCapsule());
    const variable_list saved = context->get_saved_variables();
    variable_list inputs, wanted;  // copies of our own, whose graph ends here
    for (const at::Tensor& input : saved) {
      inputs.push_back(input.detach().set_requires_grad(input.requires_grad()));
      if (input.requires_grad()) wanted.push_back(inputs.back());
    }
    variable_list outputs, outer;
    {
      const at::AutoGradMode with_gradient(true);
      const variable_list all = held->function(inputs);
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!grads[i].defined() || !all[i].requires_grad()) continue;
        outputs.push_back(all[i]);
        outer.push_back(grads[i]);
      }
    }
    variable_list found = torch::autograd::grad(outputs, wanted, outer, /*retain_graph=*/false, /*create_graph=*/false,
                                                /*allow_unused=*/true);
    variable_list result{at::Tensor()};  // of the function
    auto next = found.begin();
    for (const at::Tensor& input : saved) result.push_back(input.requires_grad() ? *next++ : at::Tensor());
    return result;
  }
};

}  // namespace

std::vector<at::Tensor> recomputed(const TensorFunction& function, const std::vector<at::Tensor>& inputs) {
  return RecomputedFunction::apply(function, at::TensorList(inputs));
}

}  // namespace palimpsest
