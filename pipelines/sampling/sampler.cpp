#include "pipelines/sampling/sampler.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>

#include "backbone/kernels/distribution_loops.h"
#include "backbone/quality.h"
#include "base/errors.h"
#include "pipelines/sampling/apply.h"
#include "pipelines/sampling/elastic.h"
#include "pipelines/sampling/legal_head.h"

namespace palimpsest {

namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// The one row's probability of an id, gone.
void take_away(LegalRows& row, std::int64_t id) {
  const std::int64_t place = place_of(row.legal(0), id);
  TORCH_CHECK(place >= 0, "Sampler: a policy wrote id ", id, ", which is not legal there");
  row.row(0)[static_cast<std::size_t>(place)] = kImpossible;
}

}  // namespace

std::vector<RandomKey> sample_keys(std::uint64_t seed, std::int64_t first, std::int64_t count) {
  std::vector<RandomKey> keys;
  const RandomKey root = RandomKey::root(seed).fold("sample");
  for (std::int64_t i = 0; i < count; ++i) keys.push_back(root.fold(static_cast<std::uint64_t>(first + i)));
  return keys;
}

Sampler::Sampler(DiffusionModel model, SamplerOptions options) : Sampler(std::move(model), std::move(options), {}) {}

Sampler::Sampler(DiffusionModel model, SamplerOptions options, std::unique_ptr<Policy> policy,
                 std::shared_ptr<const Constraint> constraint)
    : model_(std::move(model)), options_(std::move(options)), policy_(std::move(policy)) {
  options_.validate();
  if (model_.diffusion.process.kind == ProcessKind::kUniform) {
    throw InputError("", "diffusion.process.kind",
                     "is uniform: samplers start from masks, which such a model has never seen; it can be scored");
  }
  for (const auto& [name, role] : options_.roles) model_.schema.role_index(name);
  for (const std::string& name : options_.joint.order) model_.schema.role_index(name);
  if (!policy_) policy_ = make_policy(options_);
  if (policy_->needs_quality() && !quality_head(*model_.denoiser)) {
    throw InputError(
        "", "remask",
        enum_name(options_.remask.kind) + " needs a head that judges written ids; the checkpoint has none");
  }
  constraint_ = both(role_constraint(model_.schema, options_), std::move(constraint));
}

std::int64_t Sampler::run_steps(std::int64_t rows) const {
  return (rows + model_.rows - 1) / model_.rows * options_.steps;
}

void Sampler::check(const TokenCanvas& start) const {
  TORCH_CHECK(start.one_document_a_row, "Sampler: needs one document a row");
  const CanvasSchema schema = schema_of(model_.schema, start);
  check_pace(schema, options_, start);
  if (!constraint_) return;
  const at::Tensor open_M = open_mask_BL(start).reshape({-1}).nonzero().view({-1});
  if (open_M.numel() > 0) check_leaves_ids(schema, *constraint_, start, open_M);
}

// Of the network's rows first those to be written, then those that may be taken back.
void Sampler::add_log_probs(Batch& batch, const Guidance& guidance, StepView& view) const {
  const std::int64_t masked = view.position_M.numel();
  at::Tensor position_N = view.position_M;
  if (policy_->reads_written()) position_N = at::cat({position_N, view.written.position_W});
  if (position_N.numel() == 0) return;
  const LegalHead head(batch.canvas, position_N, batch.schema.vocabulary());
  const GuidedFeatures features = guidance.features_M(model_, noisy_view(batch, view.pace), head.rows_P(),
                                                      told_times(batch, view.pace, head.rows_P()));
  const at::Tensor no_end_N = inside_content(batch.schema, batch.canvas);
  const auto restriction = [&](const at::Tensor& position_M, const LegalClass& legal, at::Tensor& logits_MR) {
    if (legal.with_end) {
      const at::Tensor no_end_M = no_end_N.index_select(0, position_M).to(logits_MR.device());
      logits_MR.select(1, 0).masked_fill_(no_end_M, kImpossible);
    }
    if (constraint_) constraint_->forbid(batch.canvas, position_M, legal, logits_MR);
  };
  const LegalRows log_prob_NR = head.log_probs(*model_.denoiser, features, restriction, batch.space);
  view.log_prob_MR = log_prob_NR.part(0, masked);
  if (constraint_) require_ids(batch.schema, batch.canvas, view.position_M, view.log_prob_MR);
  if (policy_->reads_written()) view.written.log_prob_WR = log_prob_NR.part(masked, position_N.numel() - masked);
}

void Sampler::add_quality(const Batch& batch, StepView& view) const {
  const at::Tensor& position_W = view.written.position_W;
  if (position_W.numel() == 0) return;
  const at::NoGradGuard no_grad;
  const at::Tensor rows = padded_rows(position_W).to(model_.device);
  const at::Tensor quality_W = quality_head(*model_.denoiser)
                                   ->quality_M(noisy_view(batch, view.pace), rows)
                                   .narrow(0, 0, position_W.numel())
                                   .to(at::kCPU, at::kDouble)
                                   .contiguous();
  const double* quality = quality_W.const_data_ptr<double>();
  view.written.quality.assign(quality, quality + quality_W.numel());
}

StepView Sampler::make_view(Batch& batch, const Guidance& guidance, std::int64_t step,
                            std::vector<RoleStep> pace) const {
  StepView view{batch.schema, batch.canvas, {}, {}, {}, step, std::move(pace), batch.keys, {}};
  view.position_M = within_steps(batch, view.pace, open_positions(batch));
  if (policy_->revises()) view.written = written_view(batch, view.pace);
  add_log_probs(batch, guidance, view);
  if (policy_->needs_quality()) add_quality(batch, view);
  return view;
}

// Decides until nothing is vetoed; what is loses its probability and is drawn anew.
Decision Sampler::decide(const Batch& batch, StepView& view) const {
  const std::int64_t* first = view.position_M.const_data_ptr<std::int64_t>();
  for (;;) {
    Decision decision = policy_->decide(view);
    if (!constraint_) return decision;
    std::erase_if(decision.edits, [&](const Write& edit) { return constraint_->vetoes(batch.canvas, edit); });
    bool vetoed = false;
    for (const Write& write : decision.writes) {
      if (!constraint_->vetoes(batch.canvas, write)) continue;
      const std::int64_t index = std::lower_bound(first, first + view.position_M.numel(), write.position) - first;
      LegalRows row = view.log_prob_MR.part(index, 1);
      take_away(row, write.id);
      require_ids(batch.schema, batch.canvas, view.position_M.narrow(0, index, 1), row);
      loops::log_softmax_row(row.row(0).data(), num_ids(row.legal(0)), row.row(0).data());
      ++view.redraws[write.position];
      vetoed = true;
    }
    if (!vetoed) return decision;
  }
}

std::vector<TraceEvent> Sampler::run_batch(TokenCanvas& rows, std::span<const RandomKey> keys,
                                           const std::function<void(std::int64_t)>& on_step) const {
  Batch batch = make_batch(model_, rows, keys);
  const Guidance guidance(batch.schema, batch.canvas, options_, model_.device);
  Pace pace(batch.schema, model_.diffusion, options_, batch.canvas, keys);
  std::vector<TraceEvent> events;
  for (std::int64_t step = 0; step < options_.steps; ++step) {
    if (!policy_->revises() && open_positions(batch).numel() == 0) break;
    StepView view = make_view(batch, guidance, step, pace.at(batch.canvas, step));
    apply(batch, pace, view, decide(batch, view), events);
    on_step(step + 1);
  }
  rows.tokens_BL = batch.canvas.tokens_BL.narrow(0, 0, rows.rows());
  return events;
}

SampleResult Sampler::run(const TokenCanvas& start, std::span<const RandomKey> keys,
                          const std::function<void(std::int64_t)>& on_step) const {
  TORCH_CHECK(static_cast<std::int64_t>(keys.size()) == start.rows(), "Sampler: needs a key a row, got ", keys.size(),
              " for ", start.rows(), " rows");
  check(start);
  SampleResult result{start, {start.tokens_BL.clone(), options_.steps, {}}};
  result.canvas.tokens_BL = start.tokens_BL.clone();
  std::int64_t steps_before = 0;
  for (std::int64_t first = 0; first < start.rows(); first += model_.rows) {
    const std::int64_t count = std::min(model_.rows, start.rows() - first);
    TokenCanvas rows = start.slice_rows(first, count);
    auto events = run_batch(rows, keys.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                            [&](std::int64_t step) {
                              if (on_step) on_step(steps_before + step);
                            });
    steps_before += options_.steps;
    for (TraceEvent& event : events) event.row += first;
    result.trace.events.insert(result.trace.events.end(), events.begin(), events.end());
    result.canvas.tokens_BL.narrow(0, first, count).copy_(rows.tokens_BL);
  }
  std::stable_sort(result.trace.events.begin(), result.trace.events.end(),
                   [](const TraceEvent& a, const TraceEvent& b) { return a.step < b.step; });
  return result;
}

}  // namespace palimpsest
