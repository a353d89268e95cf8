#include "pipelines/sampling/sampler.h"

#include <set>

#include "pipelines/sampling/elastic.h"
#include "pipelines/sampling/guidance.h"

namespace palimpsest {

namespace {

// Everything that stays the same over the steps of one padded batch of rows.
struct Batch {
  CanvasSchema schema;              // of the rows
  TokenCanvas canvas;               // on the CPU, tokens owned and written in place
  TokenCanvas device_canvas;        // the same where the denoiser is; tokens renewed each step
  at::Tensor hide_BL;               // there too
  std::int64_t real_rows = 0;       // the others are padding
  std::span<const RandomKey> keys;  // one a real row
  at::Tensor planned_BR;            // float64
};

std::int64_t* tokens_of(Batch& batch) { return batch.canvas.tokens_BL.mutable_data_ptr<std::int64_t>(); }

// Flat positions still to be written, real rows only.
at::Tensor open_positions(const Batch& batch) {
  const TokenCanvas& canvas = batch.canvas;
  const at::Tensor open_BL =
      canvas.tokens_BL.eq(kMaskId).logical_and(canvas.visible_BL).logical_and(canvas.frozen_BL.logical_not());
  return open_BL.narrow(0, 0, batch.real_rows).reshape({-1}).nonzero().view({-1});
}

// Number of open positions of each role in each row.
at::Tensor count_open_BR(const Batch& batch, const at::Tensor& position_M) {
  const std::int64_t roles = batch.schema.num_roles();
  const at::Tensor role_M = batch.canvas.role_BL.reshape({-1}).index_select(0, position_M);
  const at::Tensor cell_M = position_M.div(batch.canvas.length(), "floor") * roles + role_M;
  return at::bincount(cell_M, {}, batch.canvas.rows() * roles).view({batch.canvas.rows(), roles}).to(at::kDouble);
}

Batch make_batch(const DiffusionModel& model, const TokenCanvas& rows, std::span<const RandomKey> keys) {
  Batch batch;
  batch.schema = schema_of(model.schema, rows);
  batch.real_rows = rows.rows();
  batch.canvas = pad_rows(rows, model.rows);
  batch.canvas.tokens_BL = batch.canvas.tokens_BL.clone(at::MemoryFormat::Contiguous);
  batch.canvas.frozen_BL = batch.canvas.frozen_BL.contiguous();
  batch.canvas.visible_BL = batch.canvas.visible_BL.contiguous();
  batch.canvas.legal_class_BL = batch.canvas.legal_class_BL.contiguous();
  batch.device_canvas = batch.canvas.to(model.device);
  batch.hide_BL = given_whole_BL(batch.schema, batch.canvas).to(model.device);
  batch.keys = keys;
  batch.planned_BR = count_open_BR(batch, open_positions(batch));
  return batch;
}

// Noise times: a role's t wherever it is being made, 0 where it is given or hidden.
NoisyCanvas noisy_view(const Batch& batch, const std::vector<StepTimes>& times) {
  std::vector<float> time_of_role;
  for (const StepTimes& role : times) time_of_role.push_back(static_cast<float>(role.t));
  const at::Tensor time_R = at::tensor(time_of_role, at::kFloat).to(batch.device_canvas.role_BL.device());
  NoisyCanvas noisy{batch.device_canvas, {}, {}};
  noisy.canvas.tokens_BL = batch.canvas.tokens_BL.to(time_R.device());
  const at::Tensor made_BL = noisy.canvas.frozen_BL.logical_not().logical_and(noisy.canvas.visible_BL);
  noisy.t_BL = time_R.index_select(0, noisy.canvas.role_BL.reshape({-1})).view_as(noisy.canvas.role_BL) * made_BL;
  noisy.masked_BL = noisy.canvas.tokens_BL.eq(kMaskId).logical_and(made_BL);
  return noisy;
}

StepView make_view(const DiffusionModel& model, const SamplerOptions& options, const Batch& batch, std::int64_t step,
                   const at::Tensor& position_M) {
  const auto times = step_times(batch.schema, model.diffusion, options, step);
  at::Tensor logits_MV = guided_logits_MV(model, noisy_view(batch, times), position_M, batch.hide_BL, options.guidance);
  logits_MV = forbid_end_inside_content(batch.schema, batch.canvas, position_M, logits_MV);
  const at::Tensor class_M = batch.canvas.legal_class_BL.reshape({-1}).index_select(0, position_M);
  const at::Tensor log_prob_MV =
      legal_log_softmax_MV(logits_MV, class_M.to(logits_MV.device()), batch.schema.vocabulary()).cpu().contiguous();
  return {batch.schema, batch.canvas,  position_M, log_prob_MV, batch.planned_BR,
          step,         options.steps, times,      batch.keys};
}

// A flat position that a policy may touch: inside a real row, visible, not given.
bool may_touch(const Batch& batch, std::int64_t flat) {
  if (flat < 0 || flat >= batch.real_rows * batch.canvas.length()) return false;
  return batch.canvas.visible_BL.const_data_ptr<bool>()[flat] && !batch.canvas.frozen_BL.const_data_ptr<bool>()[flat];
}

void check_write(Batch& batch, const Write& write) {
  const std::int64_t flat = write.position;
  TORCH_CHECK(may_touch(batch, flat) && tokens_of(batch)[flat] == kMaskId,
              "Sampler: a policy wrote where nothing is to be written, at flat position ", flat);
  const std::int64_t legal_class = batch.canvas.legal_class_BL.const_data_ptr<std::int64_t>()[flat];
  const LegalClass& legal = batch.schema.vocabulary().legal_class(legal_class);
  TORCH_CHECK((write.id >= legal.range.begin && write.id < legal.range.end) || (legal.with_end && write.id == kEndId),
              "Sampler: a policy wrote id ", write.id, ", which is not legal at flat position ", flat);
}

TraceEvent event_at(const Batch& batch, std::int64_t flat, std::int64_t step, std::int64_t id) {
  return {flat / batch.canvas.length(), flat % batch.canvas.length(), step, id, 0, false};
}

// Fills what follows an `end`. A role that shrank so follows the schedule anew from what it still has to write.
void fill_ends(Batch& batch, const StepView& view, std::vector<TraceEvent>& events) {
  const auto positions = implied_ends(batch.schema, batch.canvas);
  std::set<std::pair<std::int64_t, std::int64_t>> shrunk;
  for (const std::int64_t flat : positions) {
    TraceEvent event = event_at(batch, flat, view.step, kEndId);
    if (event.row >= batch.real_rows) continue;
    event.implied = true;
    tokens_of(batch)[flat] = kEndId;
    events.push_back(event);
    shrunk.insert({event.row, batch.canvas.role_BL[event.row][event.position].item<std::int64_t>()});
  }
  if (shrunk.empty() || view.last()) return;
  const at::Tensor open_BR = count_open_BR(batch, open_positions(batch));
  for (const auto& [row, role] : shrunk) {
    batch.planned_BR[row][role] = open_BR[row][role] / view.times[static_cast<std::size_t>(role)].masked_s;
  }
}

void apply(Batch& batch, const StepView& view, const Decision& decision, std::vector<TraceEvent>& events) {
  for (const Write& write : decision.writes) {
    check_write(batch, write);
    tokens_of(batch)[write.position] = write.id;
    events.push_back(event_at(batch, write.position, view.step, write.id));
    events.back().log_prob = write.log_prob;
  }
  for (const std::int64_t flat : decision.mask_again) {
    TORCH_CHECK(may_touch(batch, flat), "Sampler: a policy masked what is given, at flat position ", flat);
    tokens_of(batch)[flat] = kMaskId;
    events.push_back(event_at(batch, flat, view.step, kMaskId));
  }
  fill_ends(batch, view, events);
}

}  // namespace

CanvasSchema schema_of(const CanvasSchema& schema, const TokenCanvas& canvas) {
  std::set<std::int64_t> held;
  for (const Span& span : canvas.spans) held.insert(span.role);
  std::vector<std::string> names;
  for (const std::int64_t role : held) names.push_back(schema.role(role).name);
  CanvasSchema restricted = schema.with_roles(names);
  TORCH_CHECK(restricted.length() == canvas.length(), "schema_of: the canvas's rows have ", canvas.length(),
              " positions, its roles ", restricted.length());
  return restricted;
}

std::vector<RandomKey> sample_keys(std::uint64_t seed, std::int64_t first, std::int64_t count) {
  std::vector<RandomKey> keys;
  const RandomKey root = RandomKey::root(seed).fold("sample");
  for (std::int64_t i = 0; i < count; ++i) keys.push_back(root.fold(static_cast<std::uint64_t>(first + i)));
  return keys;
}

Sampler::Sampler(DiffusionModel model, SamplerOptions options)
    : Sampler(std::move(model), options, make_policy(options)) {}

Sampler::Sampler(DiffusionModel model, SamplerOptions options, std::unique_ptr<Policy> policy)
    : model_(std::move(model)), options_(std::move(options)), policy_(std::move(policy)) {
  options_.validate();
  for (const auto& [name, role] : options_.roles) model_.schema.role_index(name);
}

std::int64_t Sampler::run_steps(const TokenCanvas& start) const {
  return (start.rows() + model_.rows - 1) / model_.rows * options_.steps;
}

std::vector<TraceEvent> Sampler::run_batch(TokenCanvas& rows, std::span<const RandomKey> keys,
                                           const std::function<void(std::int64_t)>& on_step) const {
  Batch batch = make_batch(model_, rows, keys);
  std::vector<TraceEvent> events;
  for (std::int64_t step = 0; step < options_.steps; ++step) {
    const at::Tensor position_M = open_positions(batch);
    if (position_M.numel() == 0) break;
    const StepView view = make_view(model_, options_, batch, step, position_M);
    apply(batch, view, policy_->decide(view), events);
    on_step(step + 1);
  }
  rows.tokens_BL = batch.canvas.tokens_BL.narrow(0, 0, rows.rows());
  return events;
}

SampleResult Sampler::run(const TokenCanvas& start, std::span<const RandomKey> keys,
                          const std::function<void(std::int64_t)>& on_step) const {
  TORCH_CHECK(start.one_document_a_row, "Sampler: needs one document a row");
  TORCH_CHECK(static_cast<std::int64_t>(keys.size()) == start.rows(), "Sampler: needs a key a row, got ", keys.size(),
              " for ", start.rows(), " rows");
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
