#include "pipelines/sampling/legal_head.h"

#include <ATen/core/grad_mode.h>

#include "backbone/diffusion/cross_entropy.h"
#include "backbone/kernels/chunks.h"
#include "backbone/kernels/distribution_loops.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kRowsAThread = 16;

std::int64_t whole_quanta(std::int64_t rows) { return (rows + kRowQuantum - 1) / kRowQuantum * kRowQuantum; }

std::int64_t rows_at_once(std::int64_t ids) {
  return std::max(kRowQuantum, LegalHead::kLogitsAtOnce / ids / kRowQuantum * kRowQuantum);
}

// Log-softmax of logits_MR, written to out_MR (contiguous, CPU).
void normalise(const at::Tensor& logits_MR, const at::Tensor& out_MR) {
  if (!loops_take(logits_MR)) {
    out_MR.copy_(at::log_softmax(logits_MR.to(at::kFloat), 1));
    return;
  }
  const at::Tensor from_MR = logits_MR.contiguous();
  const std::int64_t ids = from_MR.size(1);
  float* out = out_MR.mutable_data_ptr<float>();
  with_number(from_MR.scalar_type(), [&](auto number) {
    const auto* logits = numbers<decltype(number)>(from_MR);
    parallel_for(0, from_MR.size(0), kRowsAThread, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m = begin; m < end; ++m) loops::log_softmax_row(logits + m * ids, ids, out + m * ids);
    });
  });
}

}  // namespace

LegalHead::LegalHead(const TokenCanvas& canvas, const at::Tensor& position_N, const Vocabulary& vocabulary) {
  const at::Tensor class_N = canvas.legal_class_BL.reshape({-1}).index_select(0, position_N);
  const auto [sorted_N, order_N] = at::sort(class_N, /*stable=*/true, /*dim=*/0, /*descending=*/false);
  const std::int64_t *sorted = sorted_N.const_data_ptr<std::int64_t>(), *order = order_N.const_data_ptr<std::int64_t>();
  const std::int64_t count = position_N.numel();
  index_N_.assign(order, order + count);
  std::int64_t needed = 0;  // a product of whole quanta reads beyond its group
  for (std::int64_t begin = 0, end = 0; begin < count; begin = end) {
    while (end < count && sorted[end] == sorted[begin]) ++end;
    groups_.push_back({&vocabulary.legal_class(sorted[begin]), begin, end - begin});
    needed = std::max(needed, begin + whole_quanta(end - begin));
  }
  const at::Tensor grouped_N = position_N.index_select(0, order_N);
  const at::Tensor padding =
      grouped_N.narrow(0, 0, std::min<std::int64_t>(count, 1)).expand({whole_quanta(needed) - count});
  rows_P_ = at::cat({grouped_N, padding});
}

LegalRows LegalHead::log_probs(Denoiser& denoiser, const GuidedFeatures& features, const Restriction& restriction,
                               at::Tensor& space) const {
  const at::NoGradGuard no_grad;
  std::vector<LegalRows::Place> place_N(index_N_.size());
  std::int64_t numbers = 0;
  for (const Group& group : groups_) {
    for (std::int64_t row = 0; row < group.count; ++row, numbers += num_ids(*group.legal)) {
      place_N[static_cast<std::size_t>(index_N_[static_cast<std::size_t>(group.begin + row)])] = {numbers, group.legal};
    }
  }
  if (!space.defined() || space.numel() < numbers) space = at::empty({numbers}, at::kFloat);
  std::int64_t filled = 0;
  for (const Group& group : groups_) {
    const LogitsHead head = denoiser.head(legal_ranges(*group.legal));
    const std::int64_t ids = num_ids(*group.legal), most = rows_at_once(ids);
    for (std::int64_t row = 0; row < group.count; row += most) {
      const std::int64_t begin = group.begin + row, count = std::min(most, group.count - row);
      at::Tensor logits_MR = features.logits_MR(head, begin, whole_quanta(count)).narrow(0, 0, count);
      restriction(rows_P_.narrow(0, begin, count), *group.legal, logits_MR);
      normalise(logits_MR, space.narrow(0, filled, count * ids).view({count, ids}));
      filled += count * ids;
    }
  }
  return {space, std::move(place_N)};
}

}  // namespace palimpsest
