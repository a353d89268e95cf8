#include "backbone/kernels/cross_entropy.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "backbone/kernels/chunks.h"

namespace palimpsest {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// By the loops, into log_sum_exp_M and nll_M (float32).
void forward_rows(const at::Tensor& logits_MR, const at::Tensor& targets_M, const at::Tensor& log_sum_exp_M,
                  const at::Tensor& nll_M) {
  with_number(logits_MR.scalar_type(), [&]<class N>(N) {
    const loops::CrossEntropyForward<N> arrays{numbers<N>(logits_MR), targets_M.const_data_ptr<std::int64_t>(),
                                               log_sum_exp_M.mutable_data_ptr<float>(), nll_M.mutable_data_ptr<float>(),
                                               logits_MR.size(1)};
    for_each_chunk(logits_MR.size(0),
                   [&](std::int64_t, loops::Rows range) { loops::cross_entropy_forward(arrays, range); });
  });
}

// Writes the gradient of the logits to `out`, which may be the logits.
void backward_rows(const at::Tensor& logits_MR, const at::Tensor& targets_M, const at::Tensor& log_sum_exp_M,
                   const at::Tensor& grad_nll_M, const at::Tensor& out) {
  with_number(logits_MR.scalar_type(), [&]<class N>(N) {
    const loops::CrossEntropyBackward<N> arrays{numbers<N>(logits_MR),
                                                targets_M.const_data_ptr<std::int64_t>(),
                                                log_sum_exp_M.const_data_ptr<float>(),
                                                grad_nll_M.const_data_ptr<float>(),
                                                mutable_numbers<N>(out),
                                                logits_MR.size(1)};
    for_each_chunk(logits_MR.size(0),
                   [&](std::int64_t, loops::Rows range) { loops::cross_entropy_backward(arrays, range); });
  });
}

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits_MR, const at::Tensor& targets_M) {
    RECORD_FUNCTION("palimpsest::cross_entropy", {});
    const at::Tensor logits = logits_MR.contiguous(), targets = targets_M.contiguous();
    const at::Tensor log_sum_exp_M = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat)),
                     nll_M = at::empty_like(log_sum_exp_M);
    forward_rows(logits, targets, log_sum_exp_M, nll_M);
    context->save_for_backward({logits, targets, log_sum_exp_M});
    return nll_M;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor grad_logits = at::empty_like(saved[0]);
    backward_rows(saved[0], saved[1], saved[2], grads[0].contiguous(), grad_logits);
    return {grad_logits, at::Tensor()};
  }
};

// Calls act(first row, number of rows) for pieces of at most so many rows.
template <class Function>
void for_each_piece(std::int64_t rows, std::int64_t most, const Function& act) {
  for (std::int64_t begin = 0; begin < rows; begin += most) act(begin, std::min(rows - begin, most));
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& features_MD, const at::Tensor& head_RD,
                            const at::Tensor& targets_M, std::int64_t most_logits) {
    RECORD_FUNCTION("palimpsest::linear_cross_entropy", {});
    const at::Tensor features = features_MD.contiguous(), targets = targets_M.contiguous(),
                     head = head_RD.to(features.scalar_type());
    const std::int64_t M = features.size(0);
    const at::Tensor log_sum_exp_M = at::empty({M}, features.options().dtype(at::kFloat)),
                     nll_M = at::empty_like(log_sum_exp_M);
    const bool kept = M * head.size(0) <= most_logits;
    at::Tensor logits;
    for_each_piece(M, kept ? M : kRowsOfLogits, [&](std::int64_t begin, std::int64_t rows) {
      const auto piece = [&](const at::Tensor& x) { return x.narrow(0, begin, rows); };
      logits = at::linear(piece(features), head);
      forward_rows(logits, piece(targets), piece(log_sum_exp_M), piece(nll_M));
    });
    context->save_for_backward({features, head, targets, log_sum_exp_M, kept ? logits : at::Tensor()});
    return nll_M;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &features = saved[0], &head = saved[1], &kept = saved[4];
    const at::Tensor grad_nll_M = grads[0].contiguous(), grad_features = at::empty_like(features);
    const at::Tensor grad_head = at::zeros(head.sizes(), head.options().dtype(at::kFloat));
    for_each_piece(features.size(0), kept.defined() ? features.size(0) : kRowsOfLogits,
                   [&](std::int64_t begin, std::int64_t rows) {
                     const auto piece = [&](const at::Tensor& x) { return x.narrow(0, begin, rows); };
                     const at::Tensor logits = kept.defined() ? kept : at::linear(piece(features), head);
                     const at::Tensor grad_logits = kept.defined() ? at::empty_like(logits) : logits;
                     backward_rows(logits, piece(saved[2]), piece(saved[3]), piece(grad_nll_M), grad_logits);
                     piece(grad_features).copy_(at::mm(grad_logits, head));
                     grad_head.add_(at::mm(grad_logits.t(), piece(features)));
                   });
    return {grad_features, grad_head, at::Tensor(), at::Tensor()};
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

at::Tensor plain_linear_cross_entropy(const at::Tensor& features_MD, const at::Tensor& head_RD,
                                      const at::Tensor& targets_M) {
  return plain_cross_entropy(at::linear(features_MD, head_RD.to(features_MD.scalar_type())), targets_M);
}

at::Tensor linear_cross_entropy(const at::Tensor& features_MD, const at::Tensor& head_RD, const at::Tensor& targets_M,
                                std::int64_t kept) {
  return loops_take(features_MD) ? LinearCrossEntropyFunction::apply(features_MD, head_RD, targets_M, kept)
                                 : plain_linear_cross_entropy(features_MD, head_RD, targets_M);
}

at::Tensor pick_rows(const at::Tensor& x_ND, const at::Tensor& rows_M) { return PickRowsFunction::apply(x_ND, rows_M); }

}  // namespace palimpsest
