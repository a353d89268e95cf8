#include "backbone/kernels/cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/chunks.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits_MR, const at::Tensor& targets_M) {
    const at::Tensor logits = logits_MR.contiguous(), targets = targets_M.contiguous();
    const at::Tensor log_sum_exp_M = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat)),
                     nll_M = at::empty_like(log_sum_exp_M);
    with_number(logits.scalar_type(), [&]<class N>(N) {
      const loops::CrossEntropyForward<N> arrays{numbers<N>(logits), targets.const_data_ptr<std::int64_t>(),
                                                 log_sum_exp_M.data_ptr<float>(), nll_M.data_ptr<float>(),
                                                 logits.size(1)};
      for_each_chunk(logits.size(0),
                     [&](std::int64_t, loops::Rows range) { loops::cross_entropy_forward(arrays, range); });
    });
    context->save_for_backward({logits, targets, log_sum_exp_M});
    return nll_M;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &targets = saved[1], &log_sum_exp_M = saved[2];
    const at::Tensor grad_nll_M = grads[0].contiguous(), grad_logits = at::empty_like(logits);
    with_number(logits.scalar_type(), [&]<class N>(N) {
      const loops::CrossEntropyBackward<N> arrays{numbers<N>(logits),
                                                  targets.const_data_ptr<std::int64_t>(),
                                                  log_sum_exp_M.const_data_ptr<float>(),
                                                  grad_nll_M.const_data_ptr<float>(),
                                                  mutable_numbers<N>(grad_logits),
                                                  logits.size(1)};
      for_each_chunk(logits.size(0),
                     [&](std::int64_t, loops::Rows range) { loops::cross_entropy_backward(arrays, range); });
    });
    return {grad_logits, at::Tensor()};
  }
};

struct PickRowsFunction : torch::autograd::Function<PickRowsFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ND, const at::Tensor& rows_M) {
    context->save_for_backward({rows_M});
    context->saved_data["rows"] = x_ND.size(0);
    return x_ND.index_select(0, rows_M);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    at::Tensor grad_ND = at::zeros({context->saved_data["rows"].toInt(), grads[0].size(1)}, grads[0].options());
    grad_ND.index_copy_(0, context->get_saved_variables()[0], grads[0]);
    return {grad_ND, at::Tensor()};
  }
};

}  // namespace

at::Tensor plain_cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M) {
  return at::cross_entropy_loss(logits_MR.to(at::kFloat), targets_M, {}, at::Reduction::None);
}

at::Tensor cross_entropy(const at::Tensor& logits_MR, const at::Tensor& targets_M) {
  return loops_take(logits_MR) ? CrossEntropyFunction::apply(logits_MR, targets_M)
                               : plain_cross_entropy(logits_MR, targets_M);
}

at::Tensor pick_rows(const at::Tensor& x_ND, const at::Tensor& rows_M) { return PickRowsFunction::apply(x_ND, rows_M); }

}  // namespace palimpsest
